// === lock: a lock per CPU. A turn takes it, counts, and releases it ================================
//
//   structure: ┌ u32 word ┬ u32 count ┐
//
//   unprotected  looks and stores, as if nobody could come in between
//   section      the same in a section; releasing is a plain store
//   atomic       a spin lock: compare-exchange, and an atomic store
//   lock         a mutex after Drepper's "Futexes are tricky": compare-exchange, and an exchange

import { runWay, SpinLock, Structure, STRUCTURES, turns } from './loops';
import { futexWait, futexWake, rseq } from './machine';

const COUNT: usize = 4;

@unmanaged
class Guarded extends Structure {
  // @ts-ignore: decorator
  @inline
  count(word: usize): void {
    store<u32>(word, load<u32>(word, COUNT) + 1, COUNT);
  }
}

@unmanaged
class Unprotected extends Guarded {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const word = this.onThisCpu();
    while (load<u32>(word) != 0) {}
    store<u32>(word, 1);
    this.count(word);
    store<u32>(word, 0);
    return value;
  }
}

@unmanaged
class Section extends Guarded {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    let word: usize = 0;
    let found: u32 = 0;
    do {
      rseq.restart();
      rseq.start();
      word = this.onThisCpu();
      found = load<u32>(word);
      if (found == 0) store<u32>(word, 1);
      rseq.end();
    } while (found != 0);
    this.count(word);
    store<u32>(word, 0);
    return value;
  }
}

@unmanaged
class Atomic extends Guarded {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const word = this.onThisCpu();
    changetype<SpinLock>(word).lock();
    this.count(word);
    changetype<SpinLock>(word).unlock();
    return value;
  }
}

@unmanaged
class Lock extends Guarded {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const word = this.onThisCpu();
    if (atomic.cmpxchg<u32>(word, 0, 1) != 0) waitForMutex(word);
    this.count(word);
    if (atomic.xchg<u32>(word, 0) == 2) futexWake(word, 1);
    return value;
  }
}

/** 2: taken, and somebody waits. */
function waitForMutex(word: usize): void {
  while (atomic.xchg<u32>(word, 2) != 0) futexWait(word, 2, 0);
}

export function main(): i32 {
  assert(rseq.register() == 0);
  if (!runWay<Unprotected, Section, Atomic, Lock>()) return 2;
  let sum: u32 = 0;
  for (let i = 0; i < STRUCTURES; i++) {
    if (load<u32>(Structure.at(i)) != 0) return 1;
    sum += load<u32>(Structure.at(i), COUNT);
  }
  return sum == <u32>turns() ? 0 : 1;
}
