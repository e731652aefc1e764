// @ts-nocheck AssemblyScript
// Meant: a spin lock that holds the number of its owner.
// Invariant: who holds the lock finds its number there until it gives it back.
// Mistake: the lock is given back twice. Between the two the other thread takes it; the second time
// takes it away from that thread.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 owner; 0: free. */
const LOCK: usize = memory.data(4, 4);

function lock(me: i32): void {
  let found = 0;
  do {
    rseq.restart();
    rseq.start();
    found = load<i32>(LOCK);
    if (found == 0) store<i32>(LOCK, me);
    rseq.end();
  } while (found != 0);
}

function unlock(): void {
  atomic.store<i32>(LOCK, 0);
}

function work(me: usize): i32 {
  lock(<i32>me);
  assert(atomic.load<i32>(LOCK) == <i32>me, 'the lock was taken away');
  unlock();
  unlock();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(work, 2);
  work(1);
  join(tid);
  return 0;
}
