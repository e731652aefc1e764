// === percpu/counter: one number per CPU ==========================================================
//
//   base ──► ┌ cpu 0: i32 count ┐┌ cpu 1: i32 count ┐ ...     64 bytes apart, a cache line each
//
// add:  S: cpu = cpu id; slot = base + cpu * 64 | v = *slot | C: *slot = v + n      retries when aborted
// sum:  plain loads over all CPUs; exact once no thread adds any more.

import { rseq } from '../rseq';
import { nrCpus } from '../sys';

/** Bytes from one CPU's count to the next. */
export const COUNTER_STRIDE: usize = 64;

/** A counter for every CPU, all zero. Returns its address. */
export function counterCreate(): usize {
  const bytes = <usize>nrCpus() * COUNTER_STRIDE;
  const base = heap.alloc(bytes);
  memory.fill(base, 0, bytes);
  return base;
}

/** Add to the count of the CPU this runs on. */
// @ts-ignore: decorator
@inline
export function counterAdd(base: usize, amount: i32): void {
  rseq.restart();
  rseq.start();
  const slot = base + <usize>rseq.cpuId() * COUNTER_STRIDE;
  store<i32>(slot, load<i32>(slot) + amount);
  rseq.end();
}

/** The sum over all CPUs. */
export function counterSum(base: usize): i64 {
  let sum: i64 = 0;
  for (let cpu = 0, n = nrCpus(); cpu < n; cpu++) {
    sum += load<i32>(base + <usize>cpu * COUNTER_STRIDE);
  }
  return sum;
}
