// @ts-nocheck AssemblyScript
// Meant: per-CPU counters are summed when nobody counts any more.
// Invariant: the sum is the number of increments.
// Mistake: the sum is read before the thread has ended, and taken to be exact: the thread has not
// counted yet.

import { counterAdd, counterCreate, counterSum, join, rseq, spawn } from 'wasm-rseq/assembly';

function increment(counter: usize): i32 {
  counterAdd(counter, 1);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const counter = counterCreate();
  const tid = spawn(increment, counter);
  increment(counter);
  const sum = counterSum(counter);
  join(tid);
  assert(sum == 2, 'the sum is not exact');
  return 0;
}
