// @ts-nocheck AssemblyScript
// Meant: two threads take two sleeping locks, both in the same order.
// Invariant: nobody waits for ever.
// Mistake: one takes them in the opposite order. Each has its first lock and sleeps on its second.

import { futexWait, futexWake, join, spawn } from 'wasm-rseq/assembly';

const FIRST: usize = memory.data(4, 4);
const SECOND: usize = memory.data(4, 4);

function lock(word: usize): void {
  while (atomic.cmpxchg<i32>(word, 0, 1) != 0) futexWait(word, 1, 0);
}

function unlock(word: usize): void {
  atomic.store<i32>(word, 0);
  futexWake(word, 1);
}

function work(_unused: usize): i32 {
  lock(FIRST);
  lock(SECOND);
  unlock(SECOND);
  unlock(FIRST);
  return 0;
}

export function main(): i32 {
  const tid = spawn(work, 0);
  lock(SECOND);
  lock(FIRST);
  unlock(FIRST);
  unlock(SECOND);
  join(tid);
  return 0;
}
