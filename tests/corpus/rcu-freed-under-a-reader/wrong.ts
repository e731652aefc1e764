// @ts-nocheck AssemblyScript
// Meant: a reader marks itself in the counters of its CPU; the writer replaces what it reads and
// frees the old version when there are as many unlocks as locks.
// Invariant: a reader never sees what has been freed.
// Mistake: the writer does not wait. The reader has the address of the old version; the writer
// replaces it and frees it; the reader looks.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** usize address of the version in force. */
const CURRENT: usize = memory.data(4, 4);
/** Two versions: the old one, the new one. */
const VERSIONS: usize = memory.data(8, 8);
/** For each CPU, 64 bytes apart: i32 locks, i32 unlocks. */
const COUNTS: usize = memory.data(128, 64);
const LOCKS: usize = 0;
const UNLOCKS: usize = 4;
const FREED: i32 = 0xdead;

function count(what: usize): void {
  rseq.restart();
  rseq.start();
  const slot = COUNTS + <usize>rseq.cpuId() * 64 + what;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
}

function read(_unused: usize): i32 {
  count(LOCKS);
  const version = atomic.load<usize>(CURRENT);
  assert(load<i32>(version) != FREED, 'a reader saw freed memory');
  count(UNLOCKS);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<usize>(CURRENT, VERSIONS);
  const tid = spawn(read, 0);
  read(0);
  atomic.store<usize>(CURRENT, VERSIONS + 4);
  atomic.store<i32>(VERSIONS, FREED);
  join(tid);
  return 0;
}
