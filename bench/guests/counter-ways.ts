// === counter-ways: a number per CPU. A turn adds one ==============================================
//
//   structure: ┌ i32 count ┬ i32 lock ┐

import { counterAdd, rseq } from './machine';

/** As in the library's counter. */
export const COUNTER_STRIDE: usize = 64;
const LOCK: usize = 4;

@unmanaged
class Counter {
  /** The count of this CPU. */
  // @ts-ignore: decorator
  @inline
  slot(): usize {
    return changetype<usize>(this) + <usize>rseq.cpuId() * COUNTER_STRIDE;
  }
}

@unmanaged
export class Unprotected extends Counter {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const slot = this.slot();
    store<i32>(slot, load<i32>(slot) + 1);
    return value;
  }
}

@unmanaged
export class Section extends Counter {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    counterAdd(changetype<usize>(this), 1);
    return value;
  }
}

@unmanaged
export class Atomic extends Counter {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    atomic.add<i32>(this.slot(), 1);
    return value;
  }
}

@unmanaged
export class Lock extends Counter {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    const slot = this.slot();
    while (atomic.cmpxchg<i32>(slot, 0, 1, LOCK) != 0) {}
    store<i32>(slot, load<i32>(slot) + 1);
    atomic.store<i32>(slot, 0, LOCK);
    return value;
  }
}

/** As Section, but the count is where the per-CPU base register points. */
@unmanaged
export class SectionByRegister {
  // @ts-ignore: decorator
  @inline
  turn(value: u32): u32 {
    rseq.restart();
    rseq.start();
    const slot = rseq.percpuBase();
    store<i32>(slot, load<i32>(slot) + 1);
    rseq.end();
    return value;
  }
}
