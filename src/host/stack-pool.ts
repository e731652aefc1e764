// Unwound stacks of threads at rest, each in a slot of its size: a stack is a few words, an array of its
// own would take ten times as much.

/** Words of the smallest slot; every class is twice the one before. */
const LEAST_WORDS = 8;
/** Slots of up to this many words are cut from slabs; larger ones are slabs of their own. */
const SLAB_WORDS = 1 << 16;

/** Words in a slab, from `offset`. */
export interface Slot {
  slab: Int32Array;
  offset: number;
  /** Words there is room for. */
  capacity: number;
}

const NO_WORDS = new Int32Array(0);

export class StackPool {
  /** Free slots by class. */
  readonly #free: { slab: Int32Array; offset: number }[][] = [];
  #slab = NO_WORDS;
  #used = 0;
  /** Words that may still be allocated. */
  #left: number;

  /** limit: words of all slabs. */
  constructor(limit: number) {
    this.#left = limit;
  }

  /** Make `slot` one with room for `words`; what it held is lost. False when there is no room. */
  resize(slot: Slot, words: number): boolean {
    this.release(slot);
    const size = sizeClass(words);
    const capacity = LEAST_WORDS << size;
    const free = this.#free[size]?.pop();
    if (free !== undefined) {
      slot.slab = free.slab;
      slot.offset = free.offset;
    } else if (!this.#cut(slot, capacity)) return false;
    slot.capacity = capacity;
    return true;
  }

  release(slot: Slot): void {
    if (slot.capacity === 0) return;
    const { slab, offset } = slot;
    (this.#free[sizeClass(slot.capacity)] ??= []).push({ slab, offset });
    clear(slot);
  }

  #cut(slot: Slot, words: number): boolean {
    if (this.#used + words > this.#slab.length) {
      const size = Math.max(words, SLAB_WORDS);
      if (size > this.#left) return false;
      this.#left -= size;
      this.#slab = new Int32Array(size);
      this.#used = 0;
    }
    slot.slab = this.#slab;
    slot.offset = this.#used;
    this.#used += words;
    return true;
  }
}

/** A slot without words. */
export function clear(slot: Slot): void {
  slot.slab = NO_WORDS;
  slot.offset = 0;
  slot.capacity = 0;
}

function sizeClass(words: number): number {
  return Math.max(0, 32 - Math.clz32(Math.ceil(words / LEAST_WORDS) - 1));
}
