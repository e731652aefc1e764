// @ts-nocheck AssemblyScript
// malloc, one thread on one CPU: blocks of any size and alignment, grown and shrunk.
// Invariant: a block is as long as was asked for, is aligned, and keeps what it holds.

import { rseq, schedSetaffinity } from 'wasm-rseq/assembly';
import {
  alignedAlloc,
  calloc,
  free,
  malloc,
  mallocUsableSize,
  realloc,
} from 'wasm-rseq/assembly/percpu/malloc';

const LARGEST_SMALL: usize = 65536;
const MASK: usize = memory.data(4, 4);

function take(size: usize): usize {
  const block = malloc(size);
  assert(block != 0 && mallocUsableSize(block) >= size, 'too short');
  assert(mallocUsableSize(block) <= size + size / 4 + 8, 'too long');
  store<i32>(block, <i32>size);
  return block;
}

function give(block: usize): void {
  free(block);
}

function resize(block: usize, size: usize): usize {
  const before = load<i32>(block);
  const moved = realloc(block, size);
  assert(moved != 0 && load<i32>(moved) == before, 'not kept');
  return moved;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<i32>(MASK, 1);
  schedSetaffinity(0, 4, MASK);
  const block = take(100);
  const usable = mallocUsableSize(block);
  assert(
    resize(block, usable) == block && resize(block, usable / 2 + 1) == block,
    'moved for nothing',
  );
  const shorter = resize(block, usable / 2);
  assert(shorter != block && mallocUsableSize(shorter) < usable, 'half of it is wasted');
  const longer = resize(shorter, usable + 1);
  assert(longer != shorter && mallocUsableSize(longer) > usable, 'too short');
  give(longer);

  const large = take(LARGEST_SMALL + 1);
  assert(resize(large, LARGEST_SMALL + 4097) == large, 'the next page is free');
  assert(mallocUsableSize(resize(large, LARGEST_SMALL / 2)) < LARGEST_SMALL, 'a large one stays');
  const small = take(LARGEST_SMALL);
  assert(mallocUsableSize(small) == LARGEST_SMALL, 'the largest class');
  give(small);

  const kept = take(100);
  assert(realloc(0, 8) != 0 && realloc(kept, usize.MAX_VALUE) == 0, 'no block, no memory');
  assert(load<i32>(kept) == 100 && take(100) != kept, 'what could not grow is gone');
  assert(calloc(1 << 16, 1 << 16) == 0 && calloc(0, 8) != 0 && calloc(8, 0) != 0, 'too many');
  assert(calloc(1, 1 << 28) == 0, 'more than there is');
  const dirty = take(8);
  give(dirty);
  const zeros = calloc(2, 4);
  assert(zeros == dirty && load<u64>(zeros) == 0, 'not zero');
  assert(alignedAlloc(3, 8) == 0 && alignedAlloc(0, 8) == 0, 'no power of two');
  assert(alignedAlloc(8, usize.MAX_VALUE) == 0, 'too much');
  assert((alignedAlloc(64, 1) & 63) == 0 && (alignedAlloc(128, 1) & 127) == 0, 'not aligned');
  assert(mallocUsableSize(alignedAlloc(64, 1)) == 64, 'a page for nothing');
  return 0;
}
