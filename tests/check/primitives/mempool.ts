// @ts-nocheck AssemblyScript
// The memory pool's items: three threads and a handler count in one, each on the CPU it is on. Before that
// main does alone all that a pool can do.
// Invariant: the copies of an item are apart, nobody counts what another has counted, and the sum is exact.

import { Errno } from 'wasm-rseq/src/abi/errno';
import { rseq } from 'wasm-rseq/assembly';
import {
  MEMPOOL_ROBUST,
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
import { runThreads } from './threads';

const STRIDE: usize = 64;
const INIT: usize = memory.data(32, 8);
const ONES: u32 = 0x01010101;
const TWOS: u32 = 0x02020202;
/** What is not there is not written to. */
const NO_ITEM: usize = 0;

let item: usize = 0;
let handled: i32 = 0;

function count(_thread: usize): i32 {
  rseq.restart();
  rseq.start();
  const copy = percpuPtr(item, rseq.cpuId(), STRIDE);
  store<i32>(copy, load<i32>(copy) + 1);
  rseq.end();
  return 0;
}

function onSignal(_signo: i32): void {
  count(0);
  handled++;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  memory.fill(INIT, 1, 32);
  store<u32>(NO_ITEM, TWOS);
  refuse();
  const free = heap.alloc(4);
  heap.free(free);
  fillPool(0);
  fillPool(MEMPOOL_ROBUST);
  fillSet();
  assert(load<u32>(NO_ITEM) == TWOS, 'an item was initialised that there is not');
  assert(heap.alloc(4) == free, 'memory was not freed');
  const pool = mempoolCreate(4, STRIDE, 1, MEMPOOL_ROBUST);
  item = mempoolZmalloc(pool);
  runThreads(count, onSignal);
  const sum = load<i32>(item) + load<i32>(percpuPtr(item, 1, STRIDE));
  assert(sum == 3 + handled, 'the sum is not exact');
  return 0;
}

function refuse(): void {
  assert(mempoolCreate(4, 32, 1, 0) == 0, 'a stride that is too small');
  assert(mempoolCreate(4, 96, 1, 0) == 0, 'a stride that is no power of two');
  assert(mempoolCreate(65, STRIDE, 1, 0) == 0, 'an item that is larger than the stride');
  assert(mempoolCreate(4, STRIDE, 0, 0) == 0, 'no ranges');
  assert(mempoolCreate(4, STRIDE, 1, 2) == 0, 'flags that there are not');
  const pool = mempoolCreate(64, STRIDE, 1, 0);
  assert(mempoolMalloc(pool) != 0, 'no item that is the stride');
  mempoolDestroy(pool);
}

/** Two ranges of two items of 32 bytes. */
function fillPool(flags: u32): void {
  const pool = mempoolCreate(17, STRIDE, 2, flags);
  const first = mempoolMalloc(pool);
  const second = mempoolMalloc(pool);
  assert(first % STRIDE == 0 && second == first + 32, 'they are not side by side');
  const third = mempoolZmalloc(pool);
  const fourth = mempoolZmalloc(pool);
  assert(third % STRIDE == 0 && third != first && fourth == third + 32, 'no second range');
  assert(mempoolMalloc(pool) == 0 && mempoolZmalloc(pool) == 0, 'a third range');
  write(first, TWOS);
  write(second, TWOS);
  write(fourth, TWOS);
  mempoolFree(fourth, STRIDE);
  mempoolFree(first, STRIDE);
  assert(mempoolMallocInit(pool, INIT, 33) == 0, 'an item that is too small');
  assert(mempoolZmalloc(pool) == first && isAll(first, 0), 'not the last one freed, zero');
  assert(mempoolMallocInit(pool, INIT, 32) == fourth && isAll(fourth, ONES), 'not initialised');
  assert(mempoolMallocInit(pool, INIT, 32) == 0, 'a third range');
  assert(isAll(second, TWOS), 'what belongs to another was changed');
  mempoolFree(third, STRIDE);
  mempoolFree(second, STRIDE);
  mempoolFree(first, STRIDE);
  mempoolFree(fourth, STRIDE);
  mempoolDestroy(pool);
}

/** Pools of items of 4 and of 32 bytes, two of these. */
function fillSet(): void {
  const set = mempoolSetCreate(STRIDE);
  assert(mempoolSetMalloc(set, 1) == 0, 'an item without pools');
  const large = mempoolCreate(32, STRIDE, 1, MEMPOOL_ROBUST);
  const small = mempoolCreate(0, STRIDE, 1, 0);
  assert(mempoolSetAddPool(set, large) == 0, 'no room');
  assert(mempoolSetAddPool(set, small) == 0, 'no room');
  assert(mempoolSetAddPool(set, large) == -Errno.EBUSY, 'two pools of a size');
  const other = mempoolCreate(64, 2 * STRIDE, 1, 0);
  assert(mempoolSetAddPool(set, other) == -Errno.EINVAL, 'another stride');
  mempoolDestroy(other);
  const first = mempoolSetMalloc(set, 4);
  for (let n = 1; n < 16; n++) assert(mempoolSetMalloc(set, n % 5) == first + n * 4, 'not small');
  const second = mempoolSetZmalloc(set, 4);
  assert(second % STRIDE == 0 && second != first && isAll(second, 0), 'not a large one, zero');
  const third = mempoolSetMallocInit(set, INIT, 32);
  assert(third == second + 32 && isAll(third, ONES), 'not a large one, initialised');
  assert(mempoolSetMalloc(set, 4) == 0, 'there are more');
  assert(mempoolSetZmalloc(set, 4) == 0, 'there are more');
  assert(mempoolSetMallocInit(set, INIT, 4) == 0, 'there are more');
  mempoolFree(first, STRIDE);
  mempoolFree(third, STRIDE);
  assert(mempoolSetMalloc(set, 33) == 0, 'an item that is too small');
  assert(mempoolSetMalloc(set, 5) == third, 'an item that is too small');
  mempoolFree(second, STRIDE);
  mempoolFree(third, STRIDE);
  mempoolSetDestroy(set);
}

/** 32 bytes on both CPUs. */
function write(item: usize, word: u32): void {
  for (let at: usize = 0; at < 32; at += 4) {
    store<u32>(item + at, word);
    store<u32>(percpuPtr(item, 1, STRIDE) + at, word);
  }
}

function isAll(item: usize, word: u32): bool {
  for (let at: usize = 0; at < 32; at += 4) {
    if (load<u32>(item + at) != word) return false;
    if (load<u32>(percpuPtr(item, 1, STRIDE) + at) != word) return false;
  }
  return true;
}
