// @ts-nocheck AssemblyScript
// What the guests have in common: memory, and where a thread is. For one thread, before or after the others.

import { schedSetaffinity } from 'wasm-rseq/assembly';

const set: usize = memory.data(4);

export function zeroed(bytes: usize): usize {
  const address = heap.alloc(bytes);
  memory.fill(address, 0, bytes);
  return address;
}

/** Stay on `cpu`, 0 to 31. */
export function pinTo(cpu: i32): void {
  store<i32>(set, 1 << cpu);
  assert(schedSetaffinity(0, 4, set) == 0, 'no such CPU');
}
