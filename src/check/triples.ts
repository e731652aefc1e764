// Triples of words, each kept once and known by a number: an interner for keys that are looked up all the
// time and never leave the process, so that a cheap hash will do.

import { imul } from './hash.js';
import { enlarged } from './interner.js';

const FIRST_ROOM = 1024;
/** Odd, with bits all over. */
const FIRST = -0x61c8864f;
const SECOND = -0x7a143595;
const THIRD = -0x3d4d51cb;

export class Triples {
  /** Number n is words[3n .. 3n + 3). */
  #words = new Int32Array(FIRST_ROOM * 3);
  #count = 1;
  /** Open addressing; 0 is free. A power of two: where a triple belongs the top bits of its hash say. */
  #table = new Int32Array(FIRST_ROOM * 2);
  #shift = 32 - Math.log2(FIRST_ROOM * 2);

  /** Bytes it takes. */
  get bytes(): number {
    return this.#words.byteLength + this.#table.byteLength;
  }

  /** From 1, without gaps. */
  numberOf(first: number, second: number, third: number): number {
    const words = this.#words;
    const table = this.#table;
    const mask = table.length - 1;
    const hash = imul(first, FIRST) ^ imul(second, SECOND) ^ imul(third, THIRD);
    let slot = (hash >>> this.#shift) - 1;
    for (;;) {
      slot = (slot + 1) & mask;
      const id = table[slot] as number;
      if (id === 0) break;
      const at = id * 3;
      if (words[at] === first && words[at + 1] === second && words[at + 2] === third) return id;
    }
    return this.#add(slot, first, second, third);
  }

  #add(slot: number, first: number, second: number, third: number): number {
    const id = this.#count++;
    if (id * 3 === this.#words.length) this.#words = enlarged(this.#words);
    this.#words[id * 3] = first;
    this.#words[id * 3 + 1] = second;
    this.#words[id * 3 + 2] = third;
    this.#table[slot] = id;
    if (this.#count * 2 > this.#table.length) this.#rehash();
    return id;
  }

  #rehash(): void {
    const words = this.#words;
    this.#shift--;
    const table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let id = 1; id < this.#count; id++) {
      const at = id * 3;
      const hash =
        imul(words[at] as number, FIRST) ^
        imul(words[at + 1] as number, SECOND) ^
        imul(words[at + 2] as number, THIRD);
      let slot = hash >>> this.#shift;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = id;
    }
    this.#table = table;
  }
}
