// The two increments without their section: wasm-rseq check shows how one of them is lost.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** A count for each CPU, 64 bytes apart. */
const counts: usize = memory.data(128, 64);

function increment(_argument: usize): i32 {
  const slot = counts + <usize>rseq.cpuId() * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  return 0;
}

export function main(): i32 {
  rseq.register();
  const tid = spawn(increment, 0);
  increment(0);
  join(tid);
  return load<i32>(counts) + load<i32>(counts, 64) == 2 ? 0 : 1;
}
