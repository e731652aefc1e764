// @ts-nocheck AssemblyScript
// The memory pool. What is conserved: an item is its owner's on every CPU, and what is counted in an item that all
// share is in it.

import { Errno } from 'wasm-rseq/src/abi/errno';
import { nrCpus, nrThreads, rseq } from 'wasm-rseq/assembly';
import {
  MEMPOOL_MIN_STRIDE,
  MEMPOOL_ROBUST,
  MEMPOOL_STRIDE,
  mempoolCreate,
  mempoolDestroy,
  mempoolFree,
  mempoolMalloc,
  mempoolMallocInit,
  mempoolSetAddPool,
  mempoolSetCreate,
  mempoolSetDestroy,
  mempoolSetMalloc,
  mempoolSetMallocInit,
  mempoolSetZmalloc,
  mempoolZmalloc,
  percpuPtr,
} from 'wasm-rseq/assembly/percpu/mempool';
import { runThreads, times } from './threads';

const STRIDE: usize = MEMPOOL_MIN_STRIDE;
/** What memory has that nobody has initialised. */
const DIRT: u32 = 0xd1d1d1d1;
const INIT: usize = memory.data(8, 8);

let pool: usize = 0;
let shared: usize = 0;
let rounds: i32 = 0;

export function laws(): i32 {
  refusals();
  for (let flags: u32 = 0; flags <= MEMPOOL_ROBUST; flags++) {
    sizes(flags);
    ranges(flags);
    contents(flags);
  }
  sets();
  return 0;
}

function refusals(): void {
  assert(mempoolCreate(8, STRIDE / 2, 1, 0) == 0, 'a stride is 64 at least');
  assert(mempoolCreate(8, STRIDE + 4, 1, 0) == 0, 'a stride is a power of two');
  assert(mempoolCreate(STRIDE + 1, STRIDE, 1, 0) == 0, 'an item fits the stride');
  assert(mempoolCreate(8, STRIDE, 0, 0) == 0, 'there is a range');
  assert(mempoolCreate(8, STRIDE, 1, 2) == 0, 'there is no such flag');
  const pool = mempoolCreate(STRIDE, STRIDE, 1, 0);
  assert(mempoolMalloc(pool) % STRIDE == 0, 'an item may be as large as the stride');
  assert(mempoolMalloc(pool) == 0, 'and is the only one then');
  mempoolDestroy(mempoolCreate(8, MEMPOOL_STRIDE, 1, 0));
}

/** Items are as far apart as the next power of two says. */
function sizes(flags: u32): void {
  assert(distance(0, flags) == 4 && distance(1, flags) == 4, 'a pointer fits');
  assert(distance(4, flags) == 4 && distance(5, flags) == 8, 'rounded up');
  assert(distance(8, flags) == 8 && distance(17, flags) == 32, 'rounded up');
}

function distance(itemBytes: usize, flags: u32): usize {
  const pool = mempoolCreate(itemBytes, STRIDE, 1, flags);
  const first = mempoolMalloc(pool);
  return mempoolMalloc(pool) - first;
}

/** Two ranges of two items; what is freed last is taken first. */
function ranges(flags: u32): void {
  const pool = mempoolCreate(32, STRIDE, 2, flags);
  const items = new StaticArray<usize>(4);
  for (let n = 0; n < 4; n++) {
    items[n] = mempoolMalloc(pool);
    assert(items[n] != 0, 'there are four');
    for (let other = 0; other < n; other++) assert(items[n] != items[other], 'different ones');
  }
  assert(items[0] % STRIDE == 0 && items[2] % STRIDE == 0, 'a range is aligned to the stride');
  assert(items[1] == items[0] + 32, 'a range is filled before there is another');
  assert(mempoolMalloc(pool) == 0, 'there are no more');
  mempoolFree(items[1], STRIDE);
  mempoolFree(items[2], STRIDE);
  assert(mempoolMalloc(pool) == items[2], 'the last one freed is the first taken');
  assert(mempoolMalloc(pool) == items[1], 'and then the one before, of whatever range');
  assert(mempoolMalloc(pool) == 0, 'there are still no more');
  for (let n = 0; n < 4; n++) mempoolFree(items[n], STRIDE);
  mempoolDestroy(pool);
}

function contents(flags: u32): void {
  const pool = mempoolCreate(8, STRIDE, 1, flags);
  const item = mempoolMalloc(pool);
  const next = mempoolMalloc(pool);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    assert(percpuPtr(item, cpu, STRIDE) == item + cpu * STRIDE, 'CPUs are a stride apart');
  }
  makeDirty(next);
  makeDirty(item);
  mempoolFree(item, STRIDE);
  assert(mempoolZmalloc(pool) == item, 'what was freed');
  assert(isEverywhere(item, 0, 0), 'it is zero on every CPU');
  makeDirty(item);
  mempoolFree(item, STRIDE);
  store<u32>(INIT, 1);
  store<u32>(INIT, 2, 4);
  assert(mempoolMallocInit(pool, INIT, 9) == 0, 'an item has not as many bytes');
  assert(mempoolMallocInit(pool, INIT, 8) == item, 'what was freed');
  assert(isEverywhere(item, 1, 2), 'it is initialised on every CPU');
  assert(isEverywhere(next, DIRT, DIRT), 'what is next to it is left alone');
  mempoolFree(item, STRIDE);
  makeDirty(mempoolMalloc(pool));
  mempoolFree(item, STRIDE);
  assert(
    load<u32>(mempoolMallocInit(pool, INIT, 4)) == 1,
    'it may be longer than what it begins with',
  );
  mempoolFree(item, STRIDE);
  mempoolFree(next, STRIDE);
  mempoolDestroy(pool);
}

function makeDirty(item: usize): void {
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    store<u64>(percpuPtr(item, cpu, STRIDE), 0x100000001 * <u64>DIRT);
  }
}

function isEverywhere(item: usize, first: u32, second: u32): bool {
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    const copy = percpuPtr(item, cpu, STRIDE);
    if (load<u32>(copy) != first || load<u32>(copy, 4) != second) return false;
  }
  return true;
}

function sets(): void {
  const set = mempoolSetCreate(STRIDE);
  assert(mempoolSetMalloc(set, 1) == 0, 'a set begins without pools');
  const small = mempoolCreate(8, STRIDE, 1, 0);
  const large = mempoolCreate(32, STRIDE, 1, 0);
  assert(mempoolSetAddPool(set, large) == 0 && mempoolSetAddPool(set, small) == 0, 'in any order');
  assert(
    mempoolSetAddPool(set, mempoolCreate(5, STRIDE, 1, 0)) == -Errno.EBUSY,
    'it has that size',
  );
  const wide = mempoolCreate(16, 2 * STRIDE, 1, 0);
  assert(mempoolSetAddPool(set, wide) == -Errno.EINVAL, 'it has another stride');
  const first = mempoolSetMalloc(set, 8);
  assert(mempoolSetZmalloc(set, 1) == first + 8, 'the smallest that is large enough');
  assert(isEverywhere(first + 8, 0, 0), 'zero on every CPU');
  for (let n = 2; n < 8; n++) mempoolSetMalloc(set, 0);
  const larger = mempoolSetMalloc(set, 8);
  assert(larger % STRIDE == 0 && larger != first, 'one that is larger when there is none left');
  store<u32>(INIT, 1);
  assert(mempoolSetMallocInit(set, INIT, 8) == larger + 32, 'from there too');
  assert(load<u32>(percpuPtr(larger + 32, nrCpus() - 1, STRIDE)) == 1, 'initialised on every CPU');
  assert(mempoolSetMalloc(set, 8) == 0, 'there are none left');
  assert(mempoolSetZmalloc(set, 33) == 0, 'there are none as large');
  assert(mempoolSetMallocInit(set, INIT, 8) == 0, 'there are none left');
  mempoolFree(first, STRIDE);
  assert(mempoolSetMalloc(set, 4) == first, 'an item goes back to its pool');
  mempoolSetDestroy(set);
}

/** How often a thread counts in the item of all for each that it takes. */
const COUNTS: i32 = 5;

/** Each thread counts in the item of all, takes one, counts in it, and gives it back. */
export function hammer(): i32 {
  pool = mempoolCreate(8, STRIDE, 4, MEMPOOL_ROBUST);
  shared = mempoolZmalloc(pool);
  rounds = times();
  runThreads((_n: usize): i32 => {
    for (let n = 0; n < rounds; n++) {
      for (let counted = 0; counted < COUNTS; counted++) count(shared);
      const item = mempoolZmalloc(pool);
      assert(item != 0 && sum(item) == 0, 'another has this item, too');
      count(item);
      assert(sum(item) == 1, 'another has this item, too');
      mempoolFree(item, STRIDE);
    }
    return 0;
  });
  const lost = nrThreads() * rounds * COUNTS - sum(shared);
  mempoolFree(shared, STRIDE);
  mempoolDestroy(pool);
  return lost;
}

function count(item: usize): void {
  rseq.restart();
  rseq.start();
  const copy = percpuPtr(item, rseq.cpuId(), STRIDE);
  store<i32>(copy, load<i32>(copy) + 1);
  rseq.end();
}

function sum(item: usize): i32 {
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(percpuPtr(item, cpu, STRIDE));
  return sum;
}
