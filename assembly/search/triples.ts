// Triples of words, each kept once and known by a number: an interner for keys that are looked up all the
// time and never leave the process, so that a cheap hash will do.

import { spread } from './hash';
import { allocate, enlarge, load32, release, store32 } from './words';

const FIRST_ROOM: i32 = 1024;

// @ts-ignore: decorator
@unmanaged
export class Triples {
  /** Number n is at 3n. */
  private words: usize = allocate(FIRST_ROOM * 3);
  private room: i32 = FIRST_ROOM;
  private count: i32 = 1;
  /** Open addressing; 0 is free. A power of two: where a triple belongs the top bits of its hash say. */
  private table: usize = allocate(FIRST_ROOM * 2);
  private tableRoom: i32 = FIRST_ROOM * 2;
  private shift: i32 = 32 - ctz(FIRST_ROOM * 2);

  /** From 1, without gaps; 0 when there is none. */
  find(first: i32, second: i32, third: i32): i32 {
    return load32(this.table, this.slot(first, second, third));
  }

  /** The same, and a new one when there is none. */
  numberOf(first: i32, second: i32, third: i32): i32 {
    const slot = this.slot(first, second, third);
    const id = load32(this.table, slot);
    return id !== 0 ? id : this.add(slot, first, second, third);
  }

  /** Where the triple is, or can be put. */
  private slot(first: i32, second: i32, third: i32): i32 {
    const mask = this.tableRoom - 1;
    let slot = <i32>(spread(first, second, third) >>> this.shift);
    let id = load32(this.table, slot);
    while (id !== 0 && !this.is(id, first, second, third)) {
      slot = (slot + 1) & mask;
      id = load32(this.table, slot);
    }
    return slot;
  }

  // @ts-ignore: decorator
  @inline
  private is(id: i32, first: i32, second: i32, third: i32): bool {
    const at = id * 3;
    return (
      load32(this.words, at) === first &&
      load32(this.words, at + 1) === second &&
      load32(this.words, at + 2) === third
    );
  }

  private add(slot: i32, first: i32, second: i32, third: i32): i32 {
    const id = this.count++;
    if (id === this.room) {
      this.words = enlarge(this.words, id * 3, id * 6);
      this.room = id * 2;
    }
    store32(this.words, id * 3, first);
    store32(this.words, id * 3 + 1, second);
    store32(this.words, id * 3 + 2, third);
    store32(this.table, slot, id);
    if (this.count * 2 > this.tableRoom) this.rehash();
    return id;
  }

  private rehash(): void {
    release(this.table, this.tableRoom);
    this.tableRoom *= 2;
    this.shift--;
    this.table = allocate(this.tableRoom);
    const mask = this.tableRoom - 1;
    for (let id = 1; id < this.count; id++) {
      const at = this.words + ((<usize>(id * 3)) << 2);
      let slot = <i32>(spread(load32(at, 0), load32(at, 1), load32(at, 2)) >>> this.shift);
      while (load32(this.table, slot) !== 0) slot = (slot + 1) & mask;
      store32(this.table, slot, id);
    }
  }
}
