// The same trace on the heap of whatever runtime this is compiled with.

import { replay } from './replay';

@unmanaged
class RuntimeHeap {
  // @ts-ignore: decorator
  @inline
  allocate(size: u32): usize {
    return heap.alloc(size);
  }

  // @ts-ignore: decorator
  @inline
  reallocate(block: usize, size: u32): usize {
    return heap.realloc(block, size);
  }

  // @ts-ignore: decorator
  @inline
  free(block: usize): void {
    heap.free(block);
  }
}

export function main(): i32 {
  return replay<RuntimeHeap>();
}
