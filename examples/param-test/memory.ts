// Memory for per-CPU data, in one thread, before the others start. CPU -1 are the threads that have not
// registered: they have a slot of their own, behind that of the last CPU.

import { nrCpus } from 'wasm-rseq/assembly';

/** Bytes from the word of one CPU to the next. */
const STRIDE: usize = 64;

export function zeroed(bytes: usize): usize {
  const address = heap.alloc(bytes);
  memory.fill(address, 0, bytes);
  return address;
}

export function slots(): i32 {
  return nrCpus() + 1;
}

/** A word for each slot. */
export function percpuWords(): usize {
  return zeroed(<usize>slots() * STRIDE);
}

/** What the words of all slots add up to. */
export function sumOf(words: usize): i64 {
  let sum: i64 = 0;
  for (let slot = 0; slot < slots(); slot++) sum += load<u32>(words + <usize>slot * STRIDE);
  return sum;
}

// @ts-ignore: decorator
@inline
export function wordOf(words: usize, cpu: i32): usize {
  return words + slotOf(cpu) * STRIDE;
}

// @ts-ignore: decorator
@inline
export function slotOf(cpu: i32): usize {
  return <usize>(cpu < 0 ? nrCpus() : cpu);
}
