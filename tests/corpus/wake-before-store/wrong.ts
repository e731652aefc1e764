// @ts-nocheck AssemblyScript
// Meant: a thread sleeps on a word until the other has set it and woken it.
// Invariant: nobody sleeps for ever.
// Mistake: wakes before it stores. The sleeper has seen 0; the wake finds nobody; the sleeper goes
// to sleep, for the word is still 0; then it is set, and nobody wakes any more.

import { futexWait, futexWake, join, spawn } from 'wasm-rseq/assembly';

const FLAG: usize = memory.data(4, 4);

function set(_unused: usize): i32 {
  futexWake(FLAG, 1);
  atomic.store<i32>(FLAG, 1);
  return 0;
}

export function main(): i32 {
  const tid = spawn(set, 0);
  while (atomic.load<i32>(FLAG) == 0) futexWait(FLAG, 0, 0);
  join(tid);
  return 0;
}
