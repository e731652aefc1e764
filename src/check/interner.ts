// Tuples of words, each kept once and known by a number: equal tuples have equal numbers. Number 0 is for
// what is not there. They are kept by the inner part of the search.

import { type Handle, SearchCore } from './search-core.js';

export class Interner {
  readonly #core: SearchCore;
  readonly handle: Handle;

  /** handle: of an interner that is in `core` already. */
  constructor(core: SearchCore = new SearchCore(), handle?: Handle) {
    this.#core = core;
    this.handle = handle ?? core.functions.newInterner();
  }

  /** Tuples, and the one that is not there. */
  get size(): number {
    return this.#core.functions.size(this.handle);
  }

  /** Bytes of all that is kept there. */
  get bytes(): number {
    return this.#core.bytes;
  }

  get isNearlyFull(): boolean {
    return this.#core.isNearlyFull;
  }

  /** Words that tuple `id` is in, from `start` on: until anything is asked of the core that may need memory. */
  get words(): Int32Array {
    return this.#core.words;
  }

  /** Where tuple `id` begins in `words`. */
  start(id: number): number {
    return this.#core.functions.tuple(this.handle, id) >>> 2;
  }

  /** Word `index` of tuple `id`, which is long enough. */
  at(id: number, index: number): number {
    return this.words[this.start(id) + index] as number;
  }

  /** A copy. */
  tuple(id: number): Int32Array {
    const start = this.start(id);
    return this.words.slice(start, start + this.#core.functions.length(this.handle, id));
  }

  /** The lanes of its fingerprint. */
  low(id: number): number {
    return this.#core.functions.low(this.handle, id);
  }

  high(id: number): number {
    return this.#core.functions.high(this.handle, id);
  }

  /** The number of these words, with their content for a fingerprint. */
  intern(words: Int32Array): number {
    this.#core.give(words);
    return this.#core.functions.intern(this.handle, words.length);
  }

  /** The same with a fingerprint that stands for what the words stand for. */
  internAs(words: Int32Array, low: number, high: number): number {
    this.#core.give(words);
    return this.#core.functions.internAs(this.handle, words.length, low, high);
  }
}
