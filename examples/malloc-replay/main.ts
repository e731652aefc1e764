// A trace, replayed on percpu/malloc.

import { free, malloc, realloc } from 'wasm-rseq/assembly/percpu/malloc';
import { replay } from './replay';

@unmanaged
class PercpuMalloc {
  // @ts-ignore: decorator
  @inline
  allocate(size: u32): usize {
    return malloc(size);
  }

  // @ts-ignore: decorator
  @inline
  reallocate(block: usize, size: u32): usize {
    return realloc(block, size);
  }

  // @ts-ignore: decorator
  @inline
  free(block: usize): void {
    free(block);
  }
}

export function main(): i32 {
  return replay<PercpuMalloc>();
}
