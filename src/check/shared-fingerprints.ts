// The fingerprints of several searches at once, in memory they share. No locks: a place is taken by one
// compare-and-exchange, and never given back.
//
//   level 0: 2^16 places    level 1: 2^18    level 2: 2^20    ...
//
// A fingerprint belongs into one of WINDOW places behind where it points to in level 0; when others have
// all of them, into one of those in level 1, and so on. So every search looks in the same order, and finds
// what another has put there.

import type { Visited } from './visited.js';

const WINDOW = 16;
const FIRST_PLACES = 1 << 16;
const GROWTH = 4;
const PLACE_BYTES = 8;

export class SharedFingerprints implements Visited {
  readonly #levels: readonly Int32Array[];
  #count = 0;
  /** There was no place for a fingerprint: it counts as seen, and the search is not complete. */
  isFull = false;
  /** What has no place is left out: `isFull`. */
  readonly isNearlyFull = false;

  /** buffers: of `allocate`, the same for all searches. */
  constructor(readonly buffers: readonly SharedArrayBuffer[]) {
    this.#levels = buffers.map((buffer) => new Int32Array(buffer));
  }

  /**
   * Memory for as many fingerprints as fit into `bytes`, or as this computer allows. What is not used yet is
   * not taken.
   */
  static allocate(bytes: number): SharedArrayBuffer[] {
    const buffers: SharedArrayBuffer[] = [];
    let left = bytes;
    for (let places = FIRST_PLACES; ; places *= GROWTH) {
      const size = places * PLACE_BYTES;
      if (buffers.length > 0 && size > left) return buffers;
      const buffer = attemptBuffer(size);
      if (buffer === undefined) return buffers;
      buffers.push(buffer);
      left -= size;
    }
  }

  /** States that this search was the first to see. */
  get size(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#count * PLACE_BYTES;
  }

  add(low: number, high: number): boolean {
    // 0 is a free place, and one whose second word is still to come.
    const first = low === 0 ? 1 : low;
    const second = high === 0 ? 1 : high;
    for (const level of this.#levels) {
      const found = place(level, first, second);
      if (found === undefined) continue;
      if (found) this.#count++;
      return found;
    }
    this.isFull = true;
    return false;
  }

  /** All of them, two words each. */
  dump(): Int32Array {
    const words: number[] = [];
    for (const level of this.#levels) {
      for (let at = 0; at < level.length; at += 2) {
        if (level[at] !== 0) words.push(level[at] as number, level[at + 1] as number);
      }
    }
    return Int32Array.from(words);
  }

  load(words: Int32Array): void {
    for (let at = 0; at < words.length; at += 2) {
      this.add(words[at] as number, words[at + 1] as number);
    }
    this.#count = 0;
  }
}

function attemptBuffer(bytes: number): SharedArrayBuffer | undefined {
  try {
    return new SharedArrayBuffer(bytes);
  } catch {
    return undefined;
  }
}

/** True: it is new there. False: it was there. Undefined: neither, and no place is left for it. */
function place(level: Int32Array, low: number, high: number): boolean | undefined {
  const mask = level.length / 2 - 1;
  const start = (low ^ (high << 9)) & mask;
  for (let step = 0; step < WINDOW; step++) {
    const at = ((start + step) & mask) * 2;
    const holder = Atomics.compareExchange(level, at, 0, low);
    if (holder === 0) {
      Atomics.store(level, at + 1, high);
      return true;
    }
    if (holder !== low) continue;
    // Whoever has taken the place writes the second word at once.
    let second = Atomics.load(level, at + 1);
    while (second === 0) second = Atomics.load(level, at + 1);
    if (second === high) return false;
  }
  return undefined;
}
