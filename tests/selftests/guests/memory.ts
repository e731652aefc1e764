// @ts-nocheck AssemblyScript
// Memory for per-CPU data, before there are threads.

/** Bytes from the data of one CPU to those of the next. */
export const STRIDE: usize = 64;

export function zeroed(bytes: usize): usize {
  const address = heap.alloc(bytes);
  memory.fill(address, 0, bytes);
  return address;
}
