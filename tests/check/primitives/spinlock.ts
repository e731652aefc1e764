// @ts-nocheck AssemblyScript
// The spinlock: two threads wait for the lock of whatever CPU they are on, a third one and a handler take it if
// it is free; who has it counts.
// Invariant: nobody counts what another has counted, so no two have had one lock at a time; and in the end all
// are free.

import { rseq } from 'wasm-rseq/assembly';
import {
  SPINLOCK_STRIDE,
  spinlockCreate,
  spinlockLock,
  spinlockTryLock,
  spinlockUnlock,
} from 'wasm-rseq/assembly/percpu/spinlock';
import { runThreads } from './threads';

let locks: usize = 0;
const counts: usize = memory.data(2 * 64, 64);
const tried: usize = memory.data(4);

/** Two steps, between which anybody may come. */
function count(cpu: i32): void {
  const slot = counts + <usize>cpu * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  spinlockUnlock(locks, cpu);
}

function work(argument: usize): i32 {
  if (argument == 2) tryToCount();
  else count(spinlockLock(locks));
  return 0;
}

function tryToCount(): void {
  const cpu = spinlockTryLock(locks);
  if (cpu < 0) return;
  count(cpu);
  atomic.add<i32>(tried, 1);
}

function onSignal(_signo: i32): void {
  tryToCount();
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  locks = spinlockCreate();
  runThreads(work, onSignal);
  const sum = load<i32>(counts) + load<i32>(counts, 64);
  assert(sum == 2 + load<i32>(tried), 'two have had one lock');
  assert(load<i32>(locks) == 0 && load<i32>(locks, SPINLOCK_STRIDE) == 0, 'a lock is taken');
  return 0;
}
