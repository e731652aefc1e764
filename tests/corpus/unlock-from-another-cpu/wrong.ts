// @ts-nocheck AssemblyScript
// Meant: a lock for each CPU, tried in a section; it is given back by its address, from wherever
// the thread is.
// Invariant: when nobody works any more, no lock is taken, and everybody who had one has counted.
// Mistake: unlock takes the CPU of the moment for that of the lock. A thread takes the lock of CPU
// 0, is moved to CPU 1 and gives back the lock there; that of CPU 0 stays taken.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** For each CPU, 64 bytes apart: i32 lock, i32 count. */
const LOCKS: usize = memory.data(128, 64);

/** Returns 1, or 0 when another has the lock. */
function tryWork(_unused: usize): i32 {
  let lock: usize = 0;
  let found = 0;
  rseq.restart();
  rseq.start();
  lock = LOCKS + <usize>rseq.cpuId() * 64;
  found = load<i32>(lock);
  if (found == 0) store<i32>(lock, 1);
  rseq.end();
  if (found != 0) return 0;
  store<i32>(lock, load<i32>(lock, 4) + 1, 4);
  lock = LOCKS + <usize>rseq.cpuId() * 64;
  store<i32>(lock, 0);
  return 1;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(tryWork, 0);
  let done = tryWork(0);
  done += join(tid);
  assert(load<i32>(LOCKS) == 0 && load<i32>(LOCKS, 64) == 0, 'a lock is still taken');
  assert(load<i32>(LOCKS, 4) + load<i32>(LOCKS, 68) == done, 'an increment was lost');
  return 0;
}
