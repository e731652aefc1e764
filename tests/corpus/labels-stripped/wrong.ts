// @ts-nocheck AssemblyScript
// Meant: two threads count on whatever CPU they are on, in a section.
// Invariant: the sum over both CPUs is the number of increments.
// Mistake: the labels are gone. One thread loads 0 and is preempted; the other counts on the same
// CPU; the first stores the 1 that it made of its stale 0.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** A count for each CPU, 64 bytes apart. */
const COUNTS: usize = memory.data(128, 64);

function increment(_unused: usize): i32 {
  const slot = COUNTS + <usize>rseq.cpuId() * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(increment, 0);
  increment(0);
  join(tid);
  assert(load<i32>(COUNTS) + load<i32>(COUNTS, 64) == 2, 'an increment was lost');
  return 0;
}
