// === malloc heap: all that malloc does but its one section =========================================
//
// One lock for the central lists and the pages. A CPU whose slab has no block gets a batch; one whose slab
// has no room gives a batch back. How much room it has of a class grows with every miss, within a limit for
// all CPUs; at the limit one class gets what others lose.

import { fail } from '../failure';
import { mutexLock, mutexUnlock } from '../mutex';
import {
  drainStopped,
  initSlabs,
  resizeStopped,
  resumeSlab,
  setSlots,
  slabCapacity,
  slabLength,
  slabPopBatch,
  slabPush,
  slabPushBatch,
  slabResize,
  slabsBytes,
  stopSlab,
} from '../percpu/slab';
import { rseq } from '../rseq';
import { nrCpus } from '../sys';
import { fetchBlocks, initCentral, returnBlocks } from './central';
import { initMetadata, metadataBytes, takeMetadata } from './metadata';
import {
  allocateSpan,
  extendSpan,
  FIXED,
  freeSpan,
  initPageHeap,
  LARGE,
  PAGE_BYTES,
  PAGE_SHIFT,
  pageHeapBytes,
  spanOf,
  trimSpan,
} from './page-heap';
import { forget, initRobust, isBlock, isRobust, remember } from './robust';
import { CLASSES, classSize, initSizeClasses, openSizeClasses } from './size-classes';

/**
 * A CPU alone may keep a third of the heap; several together a twelfth: what one keeps is of no use to others,
 * and makes holes in their spans. Each may keep CACHED_BYTES.
 */
const PART_OF_ONE: usize = 3;
const PART_OF_MANY: usize = 12;
const CACHED_BYTES: usize = 64 * 1024;
/** A CPU keeps no more of a class: where blocks are large, room for a few is worth more to small ones. */
const CLASS_LIMIT: usize = 96 * 1024;
/** But these: programs that take and free a handful of large blocks again and again. */
const MIN_SLOTS: i32 = 6;
const MAX_SLOTS: i32 = 128;
/** Blocks that go to and from the central lists at once: as many as fit, 2 at least and 32 at most. */
const BATCH_BYTES: usize = 4 * 1024;
const MAX_BATCH: i32 = 32;
/** Classes that lose room so that another one gets some. */
const MAX_VICTIMS: i32 = 4;
/** Larger requests would not fit, whatever there is. */
export const MAX_SIZE: usize = 0xfff00000;

const LOCK: usize = memory.data(4, 4);
/** For a batch, and for one that makes room for it. */
const BATCH: usize = memory.data(4 * 32, 4);
const VICTIMS: usize = memory.data(4 * 32, 4);

/** What is known of a CPU: bytes it has room for, misses of malloc and of free, the class to lose next. */
const CPUS: usize = memory.data(16 * 256, 4);
const ROOM: usize = 0;
const UNDERFLOWS: usize = 4;
const OVERFLOWS: usize = 8;
const NEXT_VICTIM: usize = 12;

let cacheLimit: usize = usize.MAX_VALUE;
/** What all CPUs have room for. */
let totalRoom: usize = 0;
let isInitialised: bool = false;

/**
 * Bytes all CPUs together may keep at hand from now on, as long as it is less than they would anyway: a third
 * of the heap at most, or 64 KiB for each CPU. They give back what they have.
 */
export function mallocSetCacheLimit(bytes: usize): void {
  mutexLock(LOCK);
  ensureInitialised();
  cacheLimit = bytes;
  for (let cpu = 0; cpu < nrCpus(); cpu++) drain(cpu);
  mutexUnlock(LOCK);
}

/** What `cpu` has at hand goes back to the central lists: say, because it is off. Any thread, on any CPU. */
export function mallocDrain(cpu: i32): void {
  mutexLock(LOCK);
  ensureInitialised();
  drain(cpu);
  mutexUnlock(LOCK);
}

/**
 * Robust mode: wrong frees are found. No CPU keeps anything; every call takes the lock. Returns false when
 * there has been a block already, or there is no memory.
 */
export function mallocSetRobust(): bool {
  mutexLock(LOCK);
  const isFirst = !isInitialised && ensureInitialised();
  const isDone = isFirst && initRobust();
  if (isDone) for (let cpu = 0; cpu < nrCpus(); cpu++) stopSlab(cpu);
  mutexUnlock(LOCK);
  return isDone;
}

/** Bytes that malloc has of the system, its own records too. */
export function mallocHeapBytes(): usize {
  return pageHeapBytes() + metadataBytes();
}

/** Bytes of blocks that `cpu` keeps at hand. */
export function mallocCachedBytes(cpu: i32): usize {
  let bytes: usize = 0;
  if (!isInitialised) return 0;
  for (let index = 1; index <= CLASSES; index++) {
    bytes += <usize>slabLength(cpu, index) * classSize(index);
  }
  return bytes;
}

/** How often malloc found nothing at hand on `cpu`. */
export function mallocUnderflows(cpu: i32): u32 {
  return load<u32>(cpuAt(cpu), UNDERFLOWS);
}

/** How often free found no room on `cpu`. */
export function mallocOverflows(cpu: i32): u32 {
  return load<u32>(cpuAt(cpu), OVERFLOWS);
}

/** Pages that are no blocks: free ignores what is in them. Returns their address; 0: no memory. */
export function allocatePages(pages: usize): usize {
  mutexLock(LOCK);
  const span = ensureInitialised() ? allocateSpan(pages, FIXED, false) : null;
  mutexUnlock(LOCK);
  return span == null ? 0 : span.start;
}

/** Give them back. */
export function freePages(address: usize): void {
  mutexLock(LOCK);
  freeSpan(spanOf(address));
  mutexUnlock(LOCK);
}

// --- misses ----------------------------------------------------------------------------------------

/** A batch of the class: one block for the caller, as many as there is room for to this CPU. */
export function refill(index: i32): usize {
  mutexLock(LOCK);
  const wanted = isRobust() ? 1 : batchOf(index);
  const last = fetchBlocks(index, BATCH, wanted) - 1;
  let block: usize = 0;
  if (last >= 0) {
    block = load<usize>(BATCH + <usize>last * 4);
    if (last > 0) {
      makeRoom(index, last, UNDERFLOWS);
      returnBlocks(index, BATCH, last - slabPushBatch(index, BATCH, last));
    }
    if (isRobust() && !remember(block)) {
      store<usize>(BATCH, block);
      returnBlocks(index, BATCH, 1);
      block = 0;
    }
  }
  mutexUnlock(LOCK);
  return block;
}

export function freeSlowly(index: i32, block: usize): void {
  if (block == 0 || index == FIXED) return;
  mutexLock(LOCK);
  if (isRobust()) {
    if (!isBlock(block)) fail('malloc: block', block, 'is freed, but not in use');
    forget(block);
  }
  if (index == LARGE) freeSpan(spanOf(block));
  else spill(index, block);
  mutexUnlock(LOCK);
}

/** Room for the block, or a batch of the class, and it, to the central lists. */
function spill(index: i32, block: usize): void {
  const batch = batchOf(index);
  makeRoom(index, batch, OVERFLOWS);
  if (slabPush(index, block)) return;
  const count = slabPopBatch(index, BATCH, batch - 1);
  store<usize>(BATCH + <usize>count * 4, block);
  returnBlocks(index, BATCH, count + 1);
}

/** Let this CPU have room for `count` blocks more of a class if it may; others lose theirs. */
function makeRoom(index: i32, count: i32, miss: usize): void {
  const cpu = rseq.cpuId();
  if (cpu < 0) return;
  const at = cpuAt(cpu);
  store<u32>(at + miss, load<u32>(at + miss) + 1);
  const capacity = slabCapacity(cpu, index);
  const missing = count - (capacity - slabLength(cpu, index));
  const more = min(missing, slotsOf(index) - capacity);
  if (more <= 0) return;
  const bytes = <usize>more * classSize(index);
  for (let n = 0; !mayKeep(load<usize>(at, ROOM), bytes); n++) {
    if (n == MAX_VICTIMS) return;
    loseRoom(cpu, index);
  }
  if (slabResize(cpu, index, more)) addRoom(at, bytes);
}

/** May a CPU that has room for `room` bytes have room for more? */
function mayKeep(room: usize, more: usize): bool {
  if (totalRoom + more > cacheLimit) return false;
  const part = totalRoom == room ? PART_OF_ONE : PART_OF_MANY;
  return room + more <= CACHED_BYTES || totalRoom + more <= pageHeapBytes() / part;
}

function addRoom(at: usize, bytes: usize): void {
  store<usize>(at, load<usize>(at, ROOM) + bytes, ROOM);
  totalRoom += bytes;
}

/** The next class of this CPU loses the room it does not use, or a batch of blocks. */
function loseRoom(cpu: i32, winner: i32): void {
  const at = cpuAt(cpu);
  const index = (load<i32>(at, NEXT_VICTIM) % CLASSES) + 1;
  store<i32>(at, index, NEXT_VICTIM);
  if (index == winner) return;
  let lost = slabCapacity(cpu, index) - slabLength(cpu, index);
  if (lost == 0) {
    lost = slabPopBatch(index, VICTIMS, batchOf(index));
    returnBlocks(index, VICTIMS, lost);
  }
  if (lost > 0 && slabResize(cpu, index, -lost)) addRoom(at, -<usize>lost * classSize(index));
}

function drain(cpu: i32): void {
  if (isRobust()) return;
  stopSlab(cpu);
  for (let index = 1; index <= CLASSES; index++) {
    let count = drainStopped(cpu, index, BATCH, MAX_BATCH);
    for (; count > 0; count = drainStopped(cpu, index, BATCH, MAX_BATCH)) {
      returnBlocks(index, BATCH, count);
    }
    resizeStopped(cpu, index, 0);
  }
  addRoom(cpuAt(cpu), -load<usize>(cpuAt(cpu), ROOM));
  resumeSlab(cpu);
}

// --- blocks of pages -------------------------------------------------------------------------------

/** A block of pages, whatever its size. 0: no memory. */
export function allocateLarge(size: usize, alignment: usize): usize {
  if (size > MAX_SIZE) return 0;
  mutexLock(LOCK);
  const span = ensureInitialised() ? allocateSpan(pagesOf(size), LARGE, true, alignment) : null;
  let block: usize = span == null ? 0 : span.start;
  if (span != null && isRobust() && !remember(block)) {
    freeSpan(span);
    block = 0;
  }
  mutexUnlock(LOCK);
  return block;
}

/** Returns whether the block has the size where it is. */
export function resizeLarge(block: usize, size: usize): bool {
  if (size > MAX_SIZE) return false;
  mutexLock(LOCK);
  const span = spanOf(block);
  const pages = pagesOf(size);
  let isDone = true;
  if (pages < span.pages) trimSpan(span, pages);
  else if (pages > span.pages) isDone = extendSpan(span, pages);
  mutexUnlock(LOCK);
  return isDone;
}

// --- all -------------------------------------------------------------------------------------------

/** Make the heap if there is none yet. Returns false when there is no memory. */
export function initHeap(): bool {
  mutexLock(LOCK);
  const isDone = ensureInitialised();
  mutexUnlock(LOCK);
  return isDone;
}

/** Preconditions: the caller has the lock. Returns false when there is no memory. */
function ensureInitialised(): bool {
  if (isInitialised) return true;
  const end = <usize>memory.size() << 16;
  const start = initMetadata();
  if (!initPageHeap(start, end)) return false;
  initSizeClasses();
  initCentral();
  for (let index = 1; index <= CLASSES; index++) setSlots(index, slotsOf(index));
  const slabs = takeMetadata(slabsBytes());
  if (slabs == 0) return false;
  initSlabs(slabs);
  isInitialised = true;
  // Last: with the classes malloc finds the slabs, without the lock.
  openSizeClasses();
  return true;
}

function slotsOf(index: i32): i32 {
  return max(MIN_SLOTS, min(MAX_SLOTS, <i32>(CLASS_LIMIT / classSize(index))));
}

function batchOf(index: i32): i32 {
  return max(2, min(MAX_BATCH, <i32>(BATCH_BYTES / classSize(index))));
}

function pagesOf(size: usize): usize {
  return (max(size, 1) + PAGE_BYTES - 1) >> PAGE_SHIFT;
}

function cpuAt(cpu: i32): usize {
  return CPUS + <usize>cpu * 16;
}
