// @ts-nocheck AssemblyScript
// Right: a thread waits for a flag and sleeps on a sequence number, read before it looks at the
// flag.
// Invariant: nobody sleeps for ever.

import { futexWait, futexWake, join, spawn } from 'wasm-rseq/assembly';

const FLAG: usize = memory.data(4, 4);
const SEQUENCE: usize = memory.data(4, 4);

function set(_unused: usize): i32 {
  atomic.store<i32>(FLAG, 1);
  atomic.add<i32>(SEQUENCE, 1);
  futexWake(SEQUENCE, 1);
  return 0;
}

export function main(): i32 {
  const tid = spawn(set, 0);
  while (true) {
    const seen = atomic.load<i32>(SEQUENCE);
    if (atomic.load<i32>(FLAG) == 1) break;
    futexWait(SEQUENCE, seen, 0);
  }
  join(tid);
  return 0;
}
