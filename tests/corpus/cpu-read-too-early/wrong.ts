// @ts-nocheck AssemblyScript
// Meant: two threads count on whatever CPU they are on, in a section that reads the CPU itself.
// Invariant: the sum over both CPUs is the number of increments.
// Mistake: the CPU is read in front of restart(). The thread is moved to CPU 1 before start() and
// counts in the slot of CPU 0, where the other is between its load and its store: two CPUs, nobody
// is interrupted, one increment is lost.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** A count for each CPU, 64 bytes apart. */
const COUNTS: usize = memory.data(128, 64);

function increment(_unused: usize): i32 {
  const slot = COUNTS + <usize>rseq.cpuId() * 64;
  rseq.restart();
  rseq.start();
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
