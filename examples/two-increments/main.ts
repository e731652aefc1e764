// Two threads, one increment each, on the count of the CPU they are on: small enough for wasm-rseq check
// to try every interleaving.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** A count for each CPU, 64 bytes apart. */
const counts: usize = memory.data(128, 64);

function increment(_argument: usize): i32 {
  rseq.restart();
  rseq.start();
  const slot = counts + <usize>rseq.cpuId() * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
  return 0;
}

export function main(): i32 {
  rseq.register();
  const tid = spawn(increment, 0);
  increment(0);
  join(tid);
  return load<i32>(counts) + load<i32>(counts, 64) == 2 ? 0 : 1;
}
