// One try of an operation: where it is made, and what became of it.

import { percpuIndex } from 'wasm-rseq/assembly/percpu/ops';
import { inject } from './inject';
import { mode } from './options';
import { ABORTS, IS_REGISTERED } from './record';

/** The CPU, or concurrency id, on which the next try is made; -1 for a thread that has not registered. */
export function indexFor(me: usize): i32 {
  inject(1, me);
  const cpu = load<i32>(me, IS_REGISTERED) == 0 ? -1 : percpuIndex(mode);
  inject(2, me);
  return cpu;
}

/** Take note of what an operation has returned, and return it. */
export function outcome(result: i32, me: usize): i32 {
  if (result < 0) {
    store<i32>(me, load<i32>(me, ABORTS) + 1, ABORTS);
    inject(4, me);
  } else inject(result == 0 ? 6 : 5, me);
  return result;
}
