// @ts-nocheck AssemblyScript
// The counter: two threads count on whatever CPU they are on, one of them twice.
// Invariant: nobody counts what another has counted, and the sum is that of what was added, in the counts
// of the CPUs alone.

import { join, rseq, spawn } from 'wasm-rseq/assembly';
import {
  counterAdd,
  counterCreate,
  COUNTER_STRIDE,
  counterSum,
} from 'wasm-rseq/assembly/percpu/counter';

const BEHIND: i32 = 100;

function count(counter: usize): i32 {
  counterAdd(counter, 1);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const counter = counterCreate();
  store<i32>(counter, BEHIND, 2 * COUNTER_STRIDE);
  const tid = spawn(count, counter);
  counterAdd(counter, 1);
  counterAdd(counter, 2);
  join(tid);
  assert(counterSum(counter) == 4, 'the sum is not exact');
  assert(load<i32>(counter, 2 * COUNTER_STRIDE) == BEHIND, 'counted behind the last CPU');
  return 0;
}
