// Tuples of words, each kept once and known by a number: equal tuples have equal numbers. Number 0 is for
// what is not there.

import { finish, HIGH_SEED, LOW_SEED } from './hash';
import { allocate, allocateUnset, copy, enlarge, load32, release, store32 } from './words';

const FIRST_ROOM: i32 = 256;
/** Words of the first piece of memory that tuples are put into, and of the largest unless one needs more. */
const FIRST_PIECE: i32 = 1 << 11;
const LARGEST_PIECE: i32 = 1 << 18;

// @ts-ignore: decorator
@unmanaged
export class Interner {
  /** Where tuple n is, and its length. Tuples stay where they are. */
  private tuples: usize = allocate(FIRST_ROOM);
  private lengths: usize = allocate(FIRST_ROOM);
  /** The lanes of tuple n's fingerprint are at 2n and behind it. */
  private lanes: usize = allocate(FIRST_ROOM * 2);
  /** Where the next tuple comes, and how many words there are. */
  private free: usize = 0;
  private freeWords: i32 = 0;
  private piece: i32 = FIRST_PIECE;
  private room: i32 = FIRST_ROOM;
  /** Tuples, and the one that is not there. */
  count: i32 = 1;
  /** Open addressing; 0 is free. A power of two. */
  private table: usize = allocate(FIRST_ROOM * 2);
  private tableRoom: i32 = FIRST_ROOM * 2;

  // @ts-ignore: decorator
  @inline
  length(id: i32): i32 {
    return load32(this.lengths, id);
  }

  /** The address of a tuple's first word. */
  // @ts-ignore: decorator
  @inline
  tuple(id: i32): usize {
    return <usize>load32(this.tuples, id);
  }

  /** Word `index` of tuple `id`; 0 behind its end. */
  // @ts-ignore: decorator
  @inline
  at(id: i32, index: i32): i32 {
    return index < this.length(id) ? load32(this.tuple(id), index) : 0;
  }

  // @ts-ignore: decorator
  @inline
  low(id: i32): i32 {
    return load32(this.lanes, id * 2);
  }

  // @ts-ignore: decorator
  @inline
  high(id: i32): i32 {
    return load32(this.lanes, id * 2 + 1);
  }

  /** The number of the words at `from`, with their content for a fingerprint. */
  intern(from: usize, length: i32): i32 {
    let low = LOW_SEED;
    let high = HIGH_SEED;
    for (let at = 0; at < length; at++) {
      const word = load32(from, at);
      low = (low ^ word) * 0xcc9e2d51;
      low ^= low >>> 15;
      high = rotl((high ^ word) * 0x2c1b3c6d, 13);
    }
    return this.internAs(from, length, finish(low ^ length), finish(high));
  }

  /** The same with a fingerprint that stands for what the words stand for. */
  internAs(from: usize, length: i32, low: i32, high: i32): i32 {
    const mask = this.tableRoom - 1;
    let slot = slotOf(low, high) & mask;
    for (;;) {
      const id = load32(this.table, slot);
      if (id === 0) break;
      const isAlike = this.low(id) === low && this.high(id) === high;
      if (isAlike && this.equals(id, from, length)) return id;
      slot = (slot + 1) & mask;
    }
    return this.add(slot, from, length, low, high);
  }

  private equals(id: i32, from: usize, length: i32): bool {
    if (this.length(id) !== length) return false;
    const own = this.tuple(id);
    for (let at = 0; at < length; at++) if (load32(own, at) !== load32(from, at)) return false;
    return true;
  }

  private add(slot: i32, from: usize, length: i32, low: i32, high: i32): i32 {
    const id = this.count++;
    if (id === this.room) {
      this.tuples = enlarge(this.tuples, id, id * 2);
      this.lengths = enlarge(this.lengths, id, id * 2);
      this.lanes = enlarge(this.lanes, id * 2, id * 4);
      this.room = id * 2;
    }
    if (length > this.freeWords) this.makeRoom(length);
    copy(this.free, from, length);
    store32(this.tuples, id, <i32>this.free);
    store32(this.lengths, id, length);
    this.free += (<usize>length) << 2;
    this.freeWords -= length;
    store32(this.lanes, id * 2, low);
    store32(this.lanes, id * 2 + 1, high);
    store32(this.table, slot, id);
    if (this.count * 2 > this.tableRoom) this.rehash();
    return id;
  }

  private makeRoom(length: i32): void {
    this.freeWords = max(length, this.piece);
    this.free = allocateUnset(this.freeWords);
    this.piece = min(this.piece * 2, LARGEST_PIECE);
  }

  private rehash(): void {
    release(this.table, this.tableRoom);
    this.tableRoom *= 2;
    this.table = allocate(this.tableRoom);
    const mask = this.tableRoom - 1;
    for (let id = 1; id < this.count; id++) {
      let slot = slotOf(this.low(id), this.high(id)) & mask;
      while (load32(this.table, slot) !== 0) slot = (slot + 1) & mask;
      store32(this.table, slot, id);
    }
  }
}

// @ts-ignore: decorator
@inline
function slotOf(low: i32, high: i32): i32 {
  return low ^ (high << 7);
}
