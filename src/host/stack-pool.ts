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

  /** Make `slot` one with room for `words`; what it held is lost. */
  resize(slot: Slot, words: number): void {
    this.release(slot);
    const size = sizeClass(words);
    const capacity = LEAST_WORDS << size;
    const free = this.#free[size]?.pop();
    if (free !== undefined) {
      slot.slab = free.slab;
      slot.offset = free.offset;
    } else this.#cut(slot, capacity);
    slot.capacity = capacity;
  }

  release(slot: Slot): void {
    if (slot.capacity === 0) return;
    const { slab, offset } = slot;
    (this.#free[sizeClass(slot.capacity)] ??= []).push({ slab, offset });
    clear(slot);
  }

  #cut(slot: Slot, words: number): void {
    if (words > SLAB_WORDS) {
      slot.slab = new Int32Array(words);
      slot.offset = 0;
      return;
    }
    if (this.#used + words > this.#slab.length) {
      this.#slab = new Int32Array(SLAB_WORDS);
      this.#used = 0;
    }
    slot.slab = this.#slab;
    slot.offset = this.#used;
    this.#used += words;
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
