// -T i: a count for each CPU.

import { loadAddStore, MemoryOrder } from 'wasm-rseq/assembly/percpu/ops';
import { indexFor, outcome } from './attempt';
import { inject } from './inject';
import { percpuWords, sumOf, wordOf } from './memory';
import { mode, reps, threads } from './options';

let counts: usize = 0;

export function prepareIncrement(): void {
  counts = percpuWords();
}

export function increment(me: usize): void {
  let result: i32;
  do {
    const cpu = indexFor(me);
    inject(9, me);
    result = outcome(loadAddStore(MemoryOrder.Relaxed, mode, wordOf(counts, cpu), 1, cpu), me);
  } while (result != 0);
}

/** Counts that are not there. */
export function lostIncrements(): i64 {
  return <i64>threads * reps - sumOf(counts);
}
