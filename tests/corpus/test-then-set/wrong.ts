// @ts-nocheck AssemblyScript
// Meant: a spin lock, taken in a section that looks and stores.
// Invariant: no increment under the lock is lost.
// Mistake: no section. Both threads find the lock free, both take it, both load the same count.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 lock, i32 count. */
const LOCK: usize = memory.data(8, 8);

function lock(): void {
  let found = 0;
  do {
    found = load<i32>(LOCK);
    if (found == 0) store<i32>(LOCK, 1);
  } while (found != 0);
}

function work(_unused: usize): i32 {
  lock();
  store<i32>(LOCK, load<i32>(LOCK, 4) + 1, 4);
  store<i32>(LOCK, 0);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(work, 0);
  work(0);
  join(tid);
  assert(load<i32>(LOCK, 4) == 2, 'an increment was lost');
  return 0;
}
