// === percpu/mempool: items that every CPU has a copy of ==========================================
//
//   range:   header ┌ cpu 0: item, item, ... ┐┌ cpu 1: item, item, ... ┐ ...     `stride` bytes apart,
//                   ▲                                                            item size a power of two
//                   └ aligned to the stride: masked with it, an item leads to its range and pool
//
//   pool ──► lock, item size, stride, ranges, first free item ──► next free item ──► ... ──► 0
//
// malloc:  lock | item = first free; first free = next of item
//               | none: the next unused item of the newest range | none: another range | unlock    R: item
// free:    lock | next of item = first free; first free = item | unlock
// use:     S: p = item + cpu id * stride | ... | C: a store to p              the caller's section
//
// After librseq's rseq_mempool. What differs: memory comes from heap.alloc, for as many CPUs as there are;
// there are no pages, so nothing is copied on write, mapped late, or moved to a NUMA node. The next free
// item is in the copy of CPU 0; in robust pools it is in front of the header, so that all of a free item
// is poison:
//
//   ... link of item 1, link of item 0, header │ cpu 0 ...      link: next free item, or IN_USE
//
// Malloc and free take a mutex: any thread may call them, no handler may. Using an item takes none.

import { Errno } from '../../src/abi/errno';
import { fail } from '../failure';
import { mutexLock, mutexUnlock } from '../mutex';
import { nrCpus } from '../sys';

/** A stride for those who have no other: 64 KiB, librseq's. */
export const MEMPOOL_STRIDE: usize = 65536;
/** The smallest: no two CPUs share a cache line. */
export const MEMPOOL_MIN_STRIDE: usize = 64;

/** Look for double frees, leaks, writes to free items, and a broken free list: SIGABRT says which. */
export const MEMPOOL_ROBUST: u32 = 1;

/** What every byte of a free item is in a robust pool. */
export const MEMPOOL_POISON: u8 = 0x55;

const LOCK: usize = 0;
const ITEM_BYTES: usize = 4;
const STRIDE: usize = 8;
const FLAGS: usize = 12;
const MAX_RANGES: usize = 16;
const RANGE_COUNT: usize = 20;
/** The newest range; the others are full. */
const RANGES: usize = 24;
const FREE: usize = 28;
const POOL_BYTES: usize = 32;

/** Words of a header, from where it begins. */
const POOL: usize = 0;
const NEXT_RANGE: usize = 4;
/** Bytes of each CPU that have ever been items. */
const USED: usize = 8;
/** What heap.alloc returned. */
const BLOCK: usize = 12;
const HEADER_BYTES: usize = 16;

const LINK_BYTES: usize = 4;
/** A link that leads nowhere else: items are aligned to 4. */
const IN_USE: usize = 1;

const SET_STRIDE: usize = 0;
const SET_POOLS: usize = 4;
const SET_ORDERS: usize = 32;

/** The copy of CPU `cpu`. The same stride as that of the pool. */
// @ts-ignore: decorator
@inline
export function percpuPtr(item: usize, cpu: i32, stride: usize): usize {
  return item + <usize>cpu * stride;
}

/**
 * A pool of items of `itemBytes`, rounded up to a power of two, 4 at least. `stride`: bytes of a CPU in a range,
 * a power of two. `maxRanges`: how many ranges it may grow to; with 1, only this call allocates, else malloc
 * may, and is to be called where the program may allocate. `flags`: 0 or MEMPOOL_ROBUST.
 * Returns its address; 0, librseq's EINVAL, when one of these is not so, or an item larger than the stride.
 */
export function mempoolCreate(itemBytes: usize, stride: usize, maxRanges: u32, flags: u32): usize {
  if (stride < MEMPOOL_MIN_STRIDE || !isPowerOf2(stride) || itemBytes > stride) return 0;
  if (maxRanges == 0 || (flags & ~MEMPOOL_ROBUST) != 0) return 0;
  const pool = heap.alloc(POOL_BYTES);
  memory.fill(pool, 0, POOL_BYTES);
  store<usize>(pool, <usize>1 << orderOf(itemBytes), ITEM_BYTES);
  store<usize>(pool, stride, STRIDE);
  store<u32>(pool, flags, FLAGS);
  store<u32>(pool, maxRanges, MAX_RANGES);
  addRange(pool);
  return pool;
}

/** Free the pool and all memory of its items. Preconditions: nobody uses it, nor will. */
export function mempoolDestroy(pool: usize): void {
  if (isRobust(pool)) checkDestroyed(pool);
  let range = load<usize>(pool, RANGES);
  while (range != 0) {
    const next = load<usize>(range, NEXT_RANGE);
    heap.free(load<usize>(range, BLOCK));
    range = next;
  }
  heap.free(pool);
}

/** An item, with anything in it. Returns the address of its copy of CPU 0; 0, ENOMEM, when there is none. */
export function mempoolMalloc(pool: usize): usize {
  mutexLock(pool + LOCK);
  let item = load<usize>(pool, FREE);
  if (item != 0) takeFree(pool, item);
  else item = takeUnused(pool);
  if (item != 0 && isRobust(pool)) store<usize>(linkOf(pool, item), IN_USE);
  mutexUnlock(pool + LOCK);
  return item;
}

/** An item that is zero on every CPU. Returns 0, ENOMEM, when there is none. */
export function mempoolZmalloc(pool: usize): usize {
  const item = mempoolMalloc(pool);
  if (item != 0) fill(pool, item, 0);
  return item;
}

/**
 * An item that begins with the `length` bytes at `init` on every CPU. Returns 0 when there is none, ENOMEM, or
 * it is shorter, EINVAL.
 */
export function mempoolMallocInit(pool: usize, init: usize, length: usize): usize {
  if (length > load<usize>(pool, ITEM_BYTES)) return 0;
  const item = mempoolMalloc(pool);
  if (item != 0) copy(pool, item, init, length);
  return item;
}

/** Give an item back to its pool, which has this stride. */
export function mempoolFree(item: usize, stride: usize): void {
  const pool = poolOf(item, stride);
  mutexLock(pool + LOCK);
  const link = linkOf(pool, item);
  if (isRobust(pool)) {
    if (load<usize>(link) != IN_USE) fail('mempool: item', item, 'is freed, but not in use');
    fill(pool, item, MEMPOOL_POISON);
  }
  store<usize>(link, load<usize>(pool, FREE));
  store<usize>(pool, item, FREE);
  mutexUnlock(pool + LOCK);
}

// --- sets of pools, one for each size

/** A set without pools. All that it gets have this stride. */
export function mempoolSetCreate(stride: usize): usize {
  const bytes = SET_POOLS + SET_ORDERS * sizeof<usize>();
  const set = heap.alloc(bytes);
  memory.fill(set, 0, bytes);
  store<usize>(set, stride, SET_STRIDE);
  return set;
}

/**
 * Give the set a pool, which is destroyed with it. Returns 0, or -EINVAL: another stride; -EBUSY: the set has a
 * pool of items of that size.
 */
export function mempoolSetAddPool(set: usize, pool: usize): i32 {
  if (load<usize>(pool, STRIDE) != load<usize>(set, SET_STRIDE)) return -Errno.EINVAL;
  const slot = set + (orderOf(load<usize>(pool, ITEM_BYTES)) << 2);
  return atomic.cmpxchg<usize>(slot, 0, pool, SET_POOLS) == 0 ? 0 : -Errno.EBUSY;
}

/** Destroy all pools, and the set. Preconditions: nobody uses it, nor will. */
export function mempoolSetDestroy(set: usize): void {
  for (let order: usize = 0; order < SET_ORDERS; order++) {
    const pool = load<usize>(set + (order << 2), SET_POOLS);
    if (pool != 0) mempoolDestroy(pool);
  }
  heap.free(set);
}

/** An item of at least so many bytes, of the pool with the smallest that has one. Returns 0, ENOMEM, when none has. */
export function mempoolSetMalloc(set: usize, bytes: usize): usize {
  for (let order = orderOf(bytes); order < SET_ORDERS; order++) {
    const pool = atomic.load<usize>(set + (order << 2), SET_POOLS);
    const item = pool == 0 ? 0 : mempoolMalloc(pool);
    if (item != 0) return item;
  }
  return 0;
}

/** The same, zero on every CPU. */
export function mempoolSetZmalloc(set: usize, bytes: usize): usize {
  const item = mempoolSetMalloc(set, bytes);
  if (item != 0) fill(poolOf(item, load<usize>(set, SET_STRIDE)), item, 0);
  return item;
}

/** An item that begins with the `length` bytes at `init` on every CPU. */
export function mempoolSetMallocInit(set: usize, init: usize, length: usize): usize {
  const item = mempoolSetMalloc(set, length);
  if (item != 0) copy(poolOf(item, load<usize>(set, SET_STRIDE)), item, init, length);
  return item;
}

// --- ranges and items

function isPowerOf2(value: usize): bool {
  return popcnt<usize>(value) == 1;
}

/** The item of that many bytes has 2^order; a link fits. */
function orderOf(bytes: usize): usize {
  return bytes <= LINK_BYTES ? 2 : 32 - clz<usize>(bytes - 1);
}

function isRobust(pool: usize): bool {
  return (load<u32>(pool, FLAGS) & MEMPOOL_ROBUST) != 0;
}

/** Returns the header of another range, or 0 when there may be none. */
function addRange(pool: usize): usize {
  const count = load<u32>(pool, RANGE_COUNT);
  if (count == load<u32>(pool, MAX_RANGES)) return 0;
  const stride = load<usize>(pool, STRIDE);
  const items = nrCpus() * stride;
  const links = isRobust(pool) ? (stride / load<usize>(pool, ITEM_BYTES)) * LINK_BYTES : 0;
  const block = heap.alloc(links + HEADER_BYTES + stride - 1 + items);
  const base = (block + links + HEADER_BYTES + stride - 1) & ~(stride - 1);
  const range = base - HEADER_BYTES;
  memory.fill(range - links, 0, links);
  if (isRobust(pool)) memory.fill(base, MEMPOOL_POISON, items);
  store<usize>(range, pool, POOL);
  store<usize>(range, load<usize>(pool, RANGES), NEXT_RANGE);
  store<usize>(range, 0, USED);
  store<usize>(range, block, BLOCK);
  store<usize>(pool, range, RANGES);
  store<u32>(pool, count + 1, RANGE_COUNT);
  return range;
}

/** Preconditions: `item` is the first free one, the lock is held. */
function takeFree(pool: usize, item: usize): void {
  if (isRobust(pool)) {
    checkFree(pool, item);
    checkPoison(pool, item);
  }
  store<usize>(pool, load<usize>(linkOf(pool, item)), FREE);
}

/** Returns an item that has never been one, or 0. */
function takeUnused(pool: usize): usize {
  let range = load<usize>(pool, RANGES);
  if (load<usize>(range, USED) == load<usize>(pool, STRIDE)) range = addRange(pool);
  if (range == 0) return 0;
  const used = load<usize>(range, USED);
  const item = range + HEADER_BYTES + used;
  if (isRobust(pool)) checkPoison(pool, item);
  store<usize>(range, used + load<usize>(pool, ITEM_BYTES), USED);
  return item;
}

function rangeOf(item: usize, stride: usize): usize {
  return (item & ~(stride - 1)) - HEADER_BYTES;
}

function poolOf(item: usize, stride: usize): usize {
  return load<usize>(rangeOf(item, stride), POOL);
}

/** Where the next free item is when this one is free. */
function linkOf(pool: usize, item: usize): usize {
  if (!isRobust(pool)) return item;
  const stride = load<usize>(pool, STRIDE);
  const index = (item & (stride - 1)) / load<usize>(pool, ITEM_BYTES);
  return rangeOf(item, stride) - (index + 1) * LINK_BYTES;
}

function fill(pool: usize, item: usize, byte: u8): void {
  const stride = load<usize>(pool, STRIDE);
  const bytes = load<usize>(pool, ITEM_BYTES);
  for (let cpu = 0, n = nrCpus(); cpu < n; cpu++) memory.fill(percpuPtr(item, cpu, stride), byte, bytes);
}

function copy(pool: usize, item: usize, init: usize, length: usize): void {
  const stride = load<usize>(pool, STRIDE);
  for (let cpu = 0, n = nrCpus(); cpu < n; cpu++) memory.copy(percpuPtr(item, cpu, stride), init, length);
}

// --- what a robust pool looks for

/** The free list leads to `item`: is it a free item of this pool? */
function checkFree(pool: usize, item: usize): void {
  if (!isItem(pool, item) || load<usize>(linkOf(pool, item)) == IN_USE) {
    fail('mempool: the free list leads to', item, 'which is no free item');
  }
}

function isItem(pool: usize, item: usize): bool {
  if ((item & (load<usize>(pool, ITEM_BYTES) - 1)) != 0) return false;
  const itsRange = rangeOf(item, load<usize>(pool, STRIDE));
  let range = load<usize>(pool, RANGES);
  while (range != 0 && range != itsRange) range = load<usize>(range, NEXT_RANGE);
  return range != 0 && item - range - HEADER_BYTES < load<usize>(range, USED);
}

function checkPoison(pool: usize, item: usize): void {
  const stride = load<usize>(pool, STRIDE);
  const bytes = load<usize>(pool, ITEM_BYTES);
  for (let cpu = 0, n = nrCpus(); cpu < n; cpu++) {
    const copy = percpuPtr(item, cpu, stride);
    for (let at = copy; at < copy + bytes; at += 4) {
      if (load<u32>(at) != MEMPOOL_POISON * <u32>0x01010101) {
        fail('mempool: free memory at', at, 'was written to');
      }
    }
  }
}

/** All items are free, every free one is poison, and the free list has all that were ever in use. */
function checkDestroyed(pool: usize): void {
  let count = 0;
  let range = load<usize>(pool, RANGES);
  while (range != 0) {
    count += checkItems(pool, range);
    range = load<usize>(range, NEXT_RANGE);
  }
  let item = load<usize>(pool, FREE);
  for (; count > 0; count--) {
    checkFree(pool, item);
    item = load<usize>(linkOf(pool, item));
  }
  if (item != 0) fail('mempool: the free list leads to', item, 'behind its last item');
}

/** Returns how many items of the range have ever been in use. */
function checkItems(pool: usize, range: usize): i32 {
  const bytes = load<usize>(pool, ITEM_BYTES);
  const base = range + HEADER_BYTES;
  for (let item = base; item < base + load<usize>(pool, STRIDE); item += bytes) {
    const isLeaked = load<usize>(linkOf(pool, item)) == IN_USE;
    if (isLeaked) fail('mempool: item', item, 'is in use when its pool is destroyed');
    checkPoison(pool, item);
  }
  return <i32>(load<usize>(range, USED) / bytes);
}
