// @ts-nocheck AssemblyScript
// Right: a spin lock, taken in a section that looks and stores.
// Invariant: no increment under the lock is lost.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 lock, i32 count. */
const LOCK: usize = memory.data(8, 8);

function lock(): void {
  let found = 0;
  do {
    rseq.restart();
    rseq.start();
    found = load<i32>(LOCK);
    if (found == 0) store<i32>(LOCK, 1);
    rseq.end();
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
