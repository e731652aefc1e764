// Tuples of words, each kept once and known by a number: equal tuples have equal numbers. Number 0 is for
// what is not there.

import { finish, HIGH_SEED, imul, LOW_SEED } from './hash.js';

const FIRST_ROOM = 1024;

export class Interner {
  #words = new Int32Array(FIRST_ROOM * 8);
  #used = 0;
  /** Tuple n is words[ends[n - 1]] up to words[ends[n]]. */
  #ends = new Int32Array(FIRST_ROOM);
  /** The lanes of tuple n are lanes[2n] and the next. */
  #lanes = new Int32Array(FIRST_ROOM * 2);
  #count = 1;
  /** Open addressing; 0 is free. A power of two. */
  #table = new Int32Array(FIRST_ROOM * 2);

  /** Tuples, and the one that is not there. */
  get size(): number {
    return this.#count;
  }

  /** Bytes it takes. */
  get bytes(): number {
    return 4 * (this.#words.length + 3 * this.#ends.length + this.#table.length);
  }

  /** All tuples one behind the other. Valid until the next `intern`. */
  get words(): Int32Array {
    return this.#words;
  }

  /** Where tuple `id` begins in `words`. */
  start(id: number): number {
    return id === 0 ? 0 : (this.#ends[id - 1] as number);
  }

  length(id: number): number {
    return id === 0 ? 0 : (this.#ends[id] as number) - (this.#ends[id - 1] as number);
  }

  /** Word `index` of tuple `id`; 0 behind its end. */
  at(id: number, index: number): number {
    const ends = this.#ends;
    const word = (id === 0 ? 0 : (ends[id - 1] as number)) + index;
    return word < (ends[id] as number) ? (this.#words[word] as number) : 0;
  }

  tuple(id: number): Int32Array {
    return this.#words.subarray(this.start(id), this.start(id) + this.length(id));
  }

  /** The lanes of its fingerprint. */
  low(id: number): number {
    return this.#lanes[id * 2] as number;
  }

  high(id: number): number {
    return this.#lanes[id * 2 + 1] as number;
  }

  /** Those of all: of tuple n at 2n and behind it. Valid until the next `intern`. */
  get lanes(): Int32Array {
    return this.#lanes;
  }

  /** The number of words[from .. from + length), with its content for a fingerprint. */
  intern(words: Int32Array, from: number, length: number): number {
    let low = LOW_SEED;
    let high = HIGH_SEED;
    const end = from + length;
    // Two of the cheapest ways to tell words and their places apart, and all at hand: most is hashed before
    // anything is compiled.
    const times = imul;
    const lowFactor = -0x3361d2af;
    const highFactor = 0x2c1b3c6d;
    for (let at = from; at < end; at++) {
      const word = words[at] as number;
      low = times(low ^ word, lowFactor);
      low ^= low >>> 15;
      high = times(high ^ word, highFactor);
      high = (high << 13) | (high >>> 19);
    }
    return this.internAs(words, from, length, finish(low ^ length), finish(high));
  }

  /** The same with a fingerprint that stands for what the words stand for. */
  internAs(words: Int32Array, from: number, length: number, low: number, high: number): number {
    const table = this.#table;
    const lanes = this.#lanes;
    const mask = table.length - 1;
    let slot = (low ^ (high << 7)) & mask;
    for (;;) {
      const id = table[slot] as number;
      if (id === 0) break;
      const isAlike = lanes[id * 2] === low && lanes[id * 2 + 1] === high;
      if (isAlike && this.#equals(id, words, from, length)) return id;
      slot = (slot + 1) & mask;
    }
    return this.#add(slot, words, from, length, low, high);
  }

  #equals(id: number, words: Int32Array, from: number, length: number): boolean {
    const start = this.#ends[id - 1] as number;
    if ((this.#ends[id] as number) - start !== length) return false;
    const own = this.#words;
    for (let at = 0; at < length; at++) if (own[start + at] !== words[from + at]) return false;
    return true;
  }

  #add(
    slot: number,
    words: Int32Array,
    from: number,
    length: number,
    low: number,
    high: number,
  ): number {
    const id = this.#count++;
    if (id === this.#ends.length) {
      this.#ends = enlarged(this.#ends);
      this.#lanes = enlarged(this.#lanes);
    }
    while (this.#used + length > this.#words.length) this.#words = enlarged(this.#words);
    for (let at = 0; at < length; at++) this.#words[this.#used + at] = words[from + at] as number;
    this.#used += length;
    this.#ends[id] = this.#used;
    this.#lanes[id * 2] = low;
    this.#lanes[id * 2 + 1] = high;
    this.#table[slot] = id;
    if (this.#count * 2 > this.#table.length) this.#rehash();
    return id;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let id = 1; id < this.#count; id++) {
      let slot = (this.low(id) ^ (this.high(id) << 7)) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = id;
    }
    this.#table = table;
  }
}

/** The same words, and room for as many again. */
export function enlarged(words: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(words.length * 2);
  larger.set(words);
  return larger;
}
