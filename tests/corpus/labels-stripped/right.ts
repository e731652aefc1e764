// @ts-nocheck AssemblyScript
// Right: two threads count on whatever CPU they are on, in a section.
// Invariant: the sum over both CPUs is the number of increments.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** A count for each CPU, 64 bytes apart. */
const COUNTS: usize = memory.data(128, 64);

function increment(_unused: usize): i32 {
  rseq.restart();
  rseq.start();
  const slot = COUNTS + <usize>rseq.cpuId() * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
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
