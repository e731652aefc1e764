// === hash: a histogram per CPU. A turn counts a key ===============================================
//
//   structure: ┌ u32 lock ┬ ... ┐┌ 256 slots, 8 bytes each: u32 key, 0 = free; u32 count ┐
//
// Open addressing with linear probing; half of the slots are taken in the end. The key is drawn from
// the value, and the next value needs the count, so in latency form turns wait for each other.

import { runWay, SpinLock, Structure, STRUCTURES, turns, VALUE } from './loops';
import { rseq } from './machine';

const SLOTS: usize = 64;
const SLOT_MASK: u32 = 255;
const COUNT: usize = 4;

@unmanaged
class Table extends Structure {
  /** 1 to 128. */
  // @ts-ignore: decorator
  @inline
  keyOf(value: u32): u32 {
    return (value >>> 25) + 1;
  }

  // @ts-ignore: decorator
  @inline
  hashOf(key: u32): u32 {
    return (key * 2654435761) >>> 24;
  }

  /** A count has no sign bit, but no compiler knows. */
  // @ts-ignore: decorator
  @inline
  next(value: u32, count: u32): u32 {
    return value * 1664525 + 1013904223 + (count >>> 31);
  }

  // @ts-ignore: decorator
  @inline
  slotAt(table: usize, hash: u32): usize {
    return table + SLOTS + <usize>((hash & SLOT_MASK) << 3);
  }

  /** Returns the new count. */
  // @ts-ignore: decorator
  @inline
  count(table: usize, key: u32): u32 {
    let hash = this.hashOf(key);
    let slot = this.slotAt(table, hash);
    let found = load<u32>(slot);
    while (found != key && found != 0) {
      slot = this.slotAt(table, ++hash);
      found = load<u32>(slot);
    }
    // A new key and its count of one go in by one store: it is the commit.
    const counted = found == 0 ? 1 : load<u32>(slot, COUNT) + 1;
    store<u64>(slot, ((<u64>counted) << 32) | key);
    return counted;
  }
}

@unmanaged
class Unprotected extends Table {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    return this.next(value, this.count(this.onThisCpu(), this.keyOf(value)));
  }
}

@unmanaged
class Section extends Table {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const key = this.keyOf(value);
    rseq.restart();
    rseq.start();
    const counted = this.count(this.onThisCpu(), key);
    rseq.end();
    return this.next(value, counted);
  }
}

@unmanaged
class Atomic extends Table {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const table = this.onThisCpu();
    const key = this.keyOf(value);
    let hash = this.hashOf(key);
    let slot = this.slotAt(table, hash);
    while (true) {
      let found = load<u32>(slot);
      if (found == 0) found = atomic.cmpxchg<u32>(slot, 0, key);
      if (found == 0 || found == key) break;
      slot = this.slotAt(table, ++hash);
    }
    return this.next(value, atomic.add<u32>(slot, 1, COUNT) + 1);
  }
}

@unmanaged
class Lock extends Table {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const table = this.onThisCpu();
    changetype<SpinLock>(table).lock();
    const counted = this.count(table, this.keyOf(value));
    changetype<SpinLock>(table).unlock();
    return this.next(value, counted);
  }
}

export function main(): i32 {
  assert(rseq.register() == 0);
  for (let i = 0; i < STRUCTURES; i++) store<u32>(Structure.at(i), i + 1, VALUE);
  if (!runWay<Unprotected, Section, Atomic, Lock>()) return 2;
  let sum: u32 = 0;
  for (let i = 0; i < STRUCTURES; i++) {
    for (let slot: u32 = 0; slot <= SLOT_MASK; slot++) {
      sum += load<u32>(Structure.at(i) + SLOTS + ((<usize>slot) << 3), COUNT);
    }
  }
  return sum == <u32>turns() ? 0 : 1;
}
