// === ring: a bounded queue per CPU. A turn puts a value and takes one ==============================
//
//   structure: ┌ u32 taken ┬ u32 put ┬ u32 lock ┬ ... ┐┌ cells, 8 bytes each: u32 value, u32 sequence ┐
//
// The atomic way is Vyukov's bounded queue: a cell's sequence tells whose turn it is.

import { isThroughput, runWay, SpinLock, Structure, STRUCTURES, turns, VALUE } from './loops';
import { rseq } from './machine';

const TAKEN: usize = 0;
const PUT: usize = 4;
const LOCK: usize = 8;
const CELLS: usize = 64;
const CELL_COUNT: u32 = 16;
const SEQUENCE: usize = 4;
const EMPTY: u32 = 0xffffffff;

@unmanaged
class Ring {
  taken: u32;
  next: u32;
  lock: u32;

  // @ts-ignore: decorator
  @inline
  cellAt(position: u32): usize {
    return changetype<usize>(this) + CELLS + <usize>((position & (CELL_COUNT - 1)) << 3);
  }

  // @ts-ignore: decorator
  @inline
  put(value: u32): void {
    const position = this.next;
    if (position - this.taken < CELL_COUNT) {
      store<u32>(this.cellAt(position), value);
      this.next = position + 1;
    }
  }

  // @ts-ignore: decorator
  @inline
  take(): u32 {
    const position = this.taken;
    let value = EMPTY;
    if (position != this.next) {
      value = load<u32>(this.cellAt(position));
      this.taken = position + 1;
    }
    return value;
  }
}

@unmanaged
class Unprotected extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    changetype<Ring>(this.onThisCpu()).put(value);
    return changetype<Ring>(this.onThisCpu()).take();
  }
}

@unmanaged
class Section extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    rseq.restart();
    rseq.start();
    changetype<Ring>(this.onThisCpu()).put(value);
    rseq.end();

    rseq.restart();
    rseq.start();
    const taken = changetype<Ring>(this.onThisCpu()).take();
    rseq.end();
    return taken;
  }
}

@unmanaged
class Atomic extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const ring = this.onThisCpu();
    let position = atomic.load<u32>(ring, PUT);
    let cell: usize = 0;
    while (true) {
      cell = changetype<Ring>(ring).cellAt(position);
      const ahead = <i32>(atomic.load<u32>(cell, SEQUENCE) - position);
      if (ahead < 0) return EMPTY;
      const seen = position;
      position =
        ahead == 0 ? atomic.cmpxchg<u32>(ring, seen, seen + 1, PUT) : atomic.load<u32>(ring, PUT);
      if (ahead == 0 && position == seen) break;
    }
    store<u32>(cell, value);
    atomic.store<u32>(cell, position + 1, SEQUENCE);

    const from = this.onThisCpu();
    position = atomic.load<u32>(from, TAKEN);
    while (true) {
      cell = changetype<Ring>(from).cellAt(position);
      const ahead = <i32>(atomic.load<u32>(cell, SEQUENCE) - (position + 1));
      if (ahead < 0) return EMPTY;
      const seen = position;
      position =
        ahead == 0
          ? atomic.cmpxchg<u32>(from, seen, seen + 1, TAKEN)
          : atomic.load<u32>(from, TAKEN);
      if (ahead == 0 && position == seen) break;
    }
    const taken = load<u32>(cell);
    atomic.store<u32>(cell, position + CELL_COUNT, SEQUENCE);
    return taken;
  }
}

@unmanaged
class Lock extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const to = this.onThisCpu();
    changetype<SpinLock>(to + LOCK).lock();
    changetype<Ring>(to).put(value);
    changetype<SpinLock>(to + LOCK).unlock();

    const from = this.onThisCpu();
    changetype<SpinLock>(from + LOCK).lock();
    const taken = changetype<Ring>(from).take();
    changetype<SpinLock>(from + LOCK).unlock();
    return taken;
  }
}

function prepare(ring: usize, index: u32): void {
  store<u32>(ring, index + 1, VALUE);
  for (let i: u32 = 0; i < CELL_COUNT; i++)
    store<u32>(changetype<Ring>(ring).cellAt(i), i, SEQUENCE);
}

export function main(): i32 {
  assert(rseq.register() == 0);
  for (let i = 0; i < STRUCTURES; i++) prepare(Structure.at(i), i);
  if (!runWay<Unprotected, Section, Atomic, Lock>()) return 2;
  for (let i = 0; i < STRUCTURES; i++) {
    const ring = Structure.at(i);
    const expected: u32 = isThroughput() ? turns() / STRUCTURES : i == 0 ? turns() : 0;
    if (load<u32>(ring, PUT) != expected || load<u32>(ring, TAKEN) != expected) return 1;
    // What was put came back, every time.
    if (load<u32>(ring, VALUE) != <u32>i + 1) return 1;
  }
  return 0;
}
