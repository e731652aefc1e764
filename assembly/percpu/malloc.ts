// === percpu/malloc: blocks of memory ===============================================================
//
//   malloc ──► slab of this CPU ──► central lists ──► page heap ──► memory.grow
//              one section          one lock, a batch at a time
//
// malloc:  P: class of the size | the section of slabPop  | none: fetch a batch, leave the rest with this CPU
// free:    P: class of the page | the section of slabPush | full: give a batch back
//
// A block is aligned to 8; to 16 if its size is a multiple of 16, and so on up to 64. Blocks over 64 KiB are
// runs of pages. Any thread may free any block on any CPU. Not in signal handlers: one may interrupt the
// owner of the lock. A thread that has not registered has no slab; its blocks come from the central lists.
//
// How many blocks a CPU keeps of a class grows with every miss, within a limit for all its classes; at the
// limit what one gets another one loses. After tcmalloc.

import { allocateLarge, freeSlowly, initHeap, MAX_SIZE, refill, resizeLarge } from '../malloc/heap';
import { LARGE, PAGE_BYTES, PAGE_SHIFT, pageClass, spanOf } from '../malloc/page-heap';
import { CLASSES, classOf, classSize, MAX_SMALL } from '../malloc/size-classes';
import { slabPop, slabPush } from './slab';

export {
  mallocCachedBytes,
  mallocDrain,
  mallocHeapBytes,
  mallocOverflows,
  mallocSetCacheLimit,
  mallocSetRobust,
  mallocUnderflows,
} from '../malloc/heap';

/** A block of `size` bytes or more, which hold anything. Returns its address; 0: no memory. */
// @ts-ignore: decorator
@inline
export function malloc(size: usize): usize {
  const index = classOf(size);
  if (index == 0) return allocateUnclassed(size);
  const block = slabPop(index);
  return block != 0 ? block : refill(index);
}

/** The same, all bytes 0, for `count` things of `size` bytes. 0 also when there are more than there can be. */
export function calloc(count: usize, size: usize): usize {
  if (size != 0 && count > MAX_SIZE / size) return 0;
  const block = allocate(count * size);
  if (block != 0) memory.fill(block, 0, count * size);
  return block;
}

/**
 * Give a block back; 0 is none. In robust mode what is no block in use, or is not the beginning of one, is
 * SIGABRT; without, anything may happen.
 */
// @ts-ignore: decorator
@inline
export function free(block: usize): void {
  const index = pageClass(block);
  if (!slabPush(index, block)) freeSlowly(index, block);
}

/**
 * A block of `size` bytes with the contents of this one, as many as both have; this one is free, or the same.
 * Returns its address; 0: no memory, and this one stays as it is. Of block 0, which has no bytes: malloc.
 */
export function realloc(block: usize, size: usize): usize {
  const usable = mallocUsableSize(block);
  if (size <= usable && size > usable / 2) return block;
  if (pageClass(block) == LARGE && size > MAX_SMALL && resizeLarge(block, size)) return block;
  const moved = allocate(size);
  if (moved == 0) return 0;
  memory.copy(moved, block, min(usable, size));
  release(block);
  return moved;
}

/** A block whose address is a multiple of `alignment`; 0 also when that is no power of two. */
export function alignedAlloc(alignment: usize, size: usize): usize {
  if (popcnt<usize>(alignment) != 1 || size > MAX_SIZE) return 0;
  if (alignment <= 64) return allocate((max(size, 1) + alignment - 1) & ~(alignment - 1));
  return allocateLarge(size, max(alignment, PAGE_BYTES));
}

/** Bytes that a block has, as many as were asked for or more. Preconditions: it is one, and in use. */
export function mallocUsableSize(block: usize): usize {
  const index = pageClass(block);
  if (index == LARGE) return spanOf(block).pages << PAGE_SHIFT;
  return index <= CLASSES ? classSize(index) : 0;
}

function allocate(size: usize): usize {
  return malloc(size);
}

function release(block: usize): void {
  free(block);
}

/** A large block. Before the first block there are no classes: every size comes here. */
function allocateUnclassed(size: usize): usize {
  if (size > MAX_SMALL) return allocateLarge(size, PAGE_BYTES);
  return initHeap() ? refill(classOf(size)) : 0;
}
