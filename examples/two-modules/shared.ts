// What the two modules share: the first page of their memory, which neither has data in.
//
//   64    i32 ready         the first module has registered
//   256   i32 counts[CPU]   64 bytes apart

import { join, nrCpus, rseq, schedYield } from 'wasm-rseq/assembly';

const READY: usize = 64;
const COUNTS: usize = 256;
const STRIDE: usize = 64;

/** Increments of each module. */
export const ROUNDS = 500;

export function setReady(): void {
  store<i32>(READY, 1);
}

export function waitUntilReady(): void {
  while (load<i32>(READY) == 0) schedYield();
}

/** Each module has a section of its own here: what the compiler makes of this function in it. */
export function count(): void {
  for (let round = 0; round < ROUNDS; round++) {
    rseq.restart();
    rseq.start();
    const slot = COUNTS + <usize>rseq.cpuId() * STRIDE;
    store<i32>(slot, load<i32>(slot) + 1);
    rseq.end();
  }
}

/** What all CPUs have counted, once the thread of the other module, `tid`, has ended. */
export function sumAfter(tid: i32): i32 {
  join(tid);
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(COUNTS + <usize>cpu * STRIDE);
  return sum;
}
