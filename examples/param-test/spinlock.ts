// -T s: a lock for each CPU, and a count that only its holder changes.

import { loadCbneStore, MemoryOrder } from 'wasm-rseq/assembly/percpu/ops';
import { indexFor, outcome } from './attempt';
import { inject } from './inject';
import { percpuWords, sumOf, wordOf } from './memory';
import { isRelease, mode, reps, threads } from './options';

let locks: usize = 0;
let counts: usize = 0;

export function prepareSpinlock(): void {
  locks = percpuWords();
  counts = percpuWords();
}

export function countLocked(me: usize): void {
  const cpu = lock(me);
  const count = wordOf(counts, cpu);
  const found = load<usize>(count);
  inject(7, me);
  store<usize>(count, found + 1);
  unlock(cpu);
}

function lock(me: usize): i32 {
  let cpu: i32;
  let result: i32;
  do {
    cpu = indexFor(me);
    inject(9, me);
    result = outcome(loadCbneStore(MemoryOrder.Relaxed, mode, wordOf(locks, cpu), 0, 1, cpu), me);
  } while (result != 0);
  return cpu;
}

/** On whichever CPU the thread is by now. */
function unlock(cpu: i32): void {
  const word = wordOf(locks, cpu);
  assert(load<usize>(word) == 1, 'a lock that nobody holds');
  if (isRelease) atomic.store<usize>(word, 0);
  else store<usize>(word, 0);
}

/** Counts that are not there. */
export function lostLocked(): i64 {
  return <i64>threads * reps - sumOf(counts);
}
