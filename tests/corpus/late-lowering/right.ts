// @ts-nocheck AssemblyScript
// Right: an increment through a pointer that is loaded before restart(), so that a restart needs
// it.
// Invariant: the sum over both CPUs is the number of increments.

import { joinAll, rseq, spawn } from 'wasm-rseq/assembly';

/** usize offset, then a count for each CPU, 64 bytes apart. */
const COUNTS: usize = memory.data(512, 64);
const HOLDER: usize = memory.data(4, 4);

function increment(_unused: usize): i32 {
  const base = load<usize>(HOLDER);
  rseq.restart();
  rseq.start();
  const slot = base + load<usize>(base) + <usize>(rseq.cpuId() + 1) * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<usize>(HOLDER, COUNTS);
  spawn(increment, 0);
  spawn(increment, 0);
  joinAll();
  assert(load<i32>(COUNTS, 64) + load<i32>(COUNTS, 128) == 2, 'an increment went astray');
  return 0;
}
