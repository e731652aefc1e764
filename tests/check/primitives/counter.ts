// @ts-nocheck AssemblyScript
// The counter: three threads count on whatever CPU they are on, and so does a handler.
// Invariant: nobody counts what another has counted, and the sum is that of what was added, in the counts
// of the CPUs alone.

import { rseq } from 'wasm-rseq/assembly';
import {
  counterAdd,
  counterCreate,
  COUNTER_STRIDE,
  counterSum,
} from 'wasm-rseq/assembly/percpu/counter';
import { runThreads } from './threads';

const BEHIND: i32 = 100;

let counter: usize = 0;
let handled: i32 = 0;

function count(_argument: usize): i32 {
  counterAdd(counter, 1);
  return 0;
}

function onSignal(_signo: i32): void {
  counterAdd(counter, 1);
  handled++;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  counter = counterCreate();
  store<i32>(counter, BEHIND, 2 * COUNTER_STRIDE);
  runThreads(count, onSignal);
  assert(counterSum(counter) == 3 + handled, 'the sum is not exact');
  assert(load<i32>(counter, 2 * COUNTER_STRIDE) == BEHIND, 'counted behind the last CPU');
  return 0;
}
