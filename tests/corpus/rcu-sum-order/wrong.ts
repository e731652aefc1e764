// @ts-nocheck AssemblyScript
// Meant: as rcu-freed-under-a-reader, with two readers on one CPU; the writer reads the unlocks
// before the locks.
// Invariant: a reader never sees what has been freed.
// Mistake: it reads the locks first. One reader has locked and has the old version; the writer
// reads 1 lock; the other reader locks and unlocks; the writer reads 1 unlock, frees, and the first
// reader looks.

import { joinAll, rseq, spawn } from 'wasm-rseq/assembly';

/** usize address of the version in force. */
const CURRENT: usize = memory.data(4, 4);
/** Two versions: the old one, the new one. */
const VERSIONS: usize = memory.data(8, 8);
/** i32 locks, i32 unlocks. */
const COUNTS: usize = memory.data(8, 64);
const LOCKS: usize = 0;
const UNLOCKS: usize = 4;
const FREED: i32 = 0xdead;

function count(what: usize): void {
  rseq.restart();
  rseq.start();
  const slot = COUNTS + what;
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

function waitForReaders(): void {
  while (true) {
    const locks = atomic.load<i32>(COUNTS + LOCKS);
    const unlocks = atomic.load<i32>(COUNTS + UNLOCKS);
    if (unlocks == locks) return;
  }
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<usize>(CURRENT, VERSIONS);
  spawn(read, 0);
  spawn(read, 0);
  atomic.store<usize>(CURRENT, VERSIONS + 4);
  waitForReaders();
  atomic.store<i32>(VERSIONS, FREED);
  joinAll();
  return 0;
}
