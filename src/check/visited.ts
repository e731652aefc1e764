// The states that have been seen.

import { Interner } from './interner.js';

export interface Visited {
  /** States in it. */
  readonly size: number;
  /** Bytes it takes. */
  readonly bytes: number;
  /** There is no room for many more. */
  readonly isNearlyFull: boolean;
  /** True when the state was not in it, and is now. low, high: its fingerprint. */
  add(low: number, high: number, state: () => Int32Array): boolean;
}

/**
 * States by their fingerprints of 64 bits: 8 to 24 bytes each. Of n states two have the same with a chance of
 * n * n / 2^65: 3 in a million for ten million.
 */
export class Fingerprints implements Visited {
  readonly isNearlyFull = false;
  #lanes = new Int32Array(1 << 13);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#lanes.byteLength;
  }

  add(low: number, high: number): boolean {
    // 0, 0 is a free place.
    const first = low === 0 && high === 0 ? 1 : low;
    if (!place(this.#lanes, first, high)) return false;
    if (++this.#count * 3 > this.#lanes.length) this.#enlarge();
    return true;
  }

  #enlarge(): void {
    const old = this.#lanes;
    this.#lanes = new Int32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      const low = old[at] as number;
      const high = old[at + 1] as number;
      if (low !== 0 || high !== 0) place(this.#lanes, low, high);
    }
  }
}

function place(lanes: Int32Array, low: number, high: number): boolean {
  const mask = lanes.length / 2 - 1;
  for (let slot = (low ^ (high << 9)) & mask; ; slot = (slot + 1) & mask) {
    const first = lanes[slot * 2] as number;
    const second = lanes[slot * 2 + 1] as number;
    if (first === low && second === high) return false;
    if (first !== 0 || second !== 0) continue;
    lanes[slot * 2] = low;
    lanes[slot * 2 + 1] = high;
    return true;
  }
}

/** The states themselves, so that no two can be taken for one. */
export class ExactStates implements Visited {
  readonly #states = new Interner();

  get size(): number {
    return this.#states.size - 1;
  }

  get bytes(): number {
    return this.#states.bytes;
  }

  get isNearlyFull(): boolean {
    return this.#states.isNearlyFull;
  }

  add(_low: number, _high: number, state: () => Int32Array): boolean {
    const before = this.#states.size;
    const states = state();
    return this.#states.intern(states) === before;
  }
}
