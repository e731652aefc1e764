// Tuples of words, each kept once and known by a number: equal tuples have equal numbers. Number 0 is for
// what is not there.

import { finish, HIGH_SEED, LOW_SEED } from './hash.js';

const FIRST_ROOM = 1024;

export class Interner {
  #words = new Int32Array(FIRST_ROOM * 8);
  #used = 0;
  /** Tuple n is words[ends[n - 1]] up to words[ends[n]]. */
  #ends = new Int32Array(FIRST_ROOM);
  #low = new Int32Array(FIRST_ROOM);
  #high = new Int32Array(FIRST_ROOM);
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

  tuple(id: number): Int32Array {
    return this.#words.subarray(this.start(id), this.start(id) + this.length(id));
  }

  /** The lanes of its fingerprint. */
  low(id: number): number {
    return this.#low[id] as number;
  }

  high(id: number): number {
    return this.#high[id] as number;
  }

  /** The number of words[from .. from + length), with its content for a fingerprint. */
  intern(words: Int32Array, from: number, length: number): number {
    let low = LOW_SEED;
    let high = HIGH_SEED;
    const end = from + length;
    for (let at = from; at < end; at++) {
      const word = words[at] as number;
      // `mix`, written out: most of these are hashed before anything has been compiled.
      const product = Math.imul(word, -0x3361d2af);
      const mixed = low ^ Math.imul((product << 15) | (product >>> 17), 0x1b873593);
      low = (Math.imul((mixed << 13) | (mixed >>> 19), 5) - 0x19ab949c) | 0;
      high = Math.imul(high ^ word, 0x01000193) ^ (high >>> 15);
    }
    return this.internAs(words, from, length, finish(low ^ length), finish(high));
  }

  /** The same with a fingerprint that stands for what the words stand for. */
  internAs(words: Int32Array, from: number, length: number, low: number, high: number): number {
    const mask = this.#table.length - 1;
    let slot = (low ^ (high << 7)) & mask;
    for (;;) {
      const id = this.#table[slot] as number;
      if (id === 0) break;
      if (
        this.#low[id] === low &&
        this.#high[id] === high &&
        this.#equals(id, words, from, length)
      ) {
        return id;
      }
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
      this.#low = enlarged(this.#low);
      this.#high = enlarged(this.#high);
    }
    while (this.#used + length > this.#words.length) this.#words = enlarged(this.#words);
    for (let at = 0; at < length; at++) this.#words[this.#used + at] = words[from + at] as number;
    this.#used += length;
    this.#ends[id] = this.#used;
    this.#low[id] = low;
    this.#high[id] = high;
    this.#table[slot] = id;
    if (this.#count * 2 > this.#table.length) this.#rehash();
    return id;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let id = 1; id < this.#count; id++) {
      let slot = ((this.#low[id] as number) ^ ((this.#high[id] as number) << 7)) & mask;
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
