// @ts-nocheck AssemblyScript
// Meant: a thread waits for a flag and sleeps on a sequence number, read before it looks at the
// flag.
// Invariant: nobody sleeps for ever.
// Mistake: the number is read after the flag, so the compare of the sleep compares nothing. The
// sleeper has seen no flag; the other sets it, counts and wakes nobody; the sleeper reads the new
// number and sleeps on it.

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
    if (atomic.load<i32>(FLAG) == 1) break;
    const seen = atomic.load<i32>(SEQUENCE);
    futexWait(SEQUENCE, seen, 0);
  }
  join(tid);
  return 0;
}
