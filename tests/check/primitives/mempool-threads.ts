// @ts-nocheck AssemblyScript
// The memory pool's lock: main has an item, and two threads take one each of a pool that has to grow for the
// last, and give it back.
// Invariant: an item has one owner, and in the end all are free, poison, and in the free list.

import { join, spawn } from 'wasm-rseq/assembly';
import {
  MEMPOOL_ROBUST,
  mempoolCreate,
  mempoolDestroy,
  mempoolFree,
  mempoolMalloc,
} from 'wasm-rseq/assembly/percpu/mempool';

const STRIDE: usize = 64;

let pool: usize = 0;

function use(thread: usize): i32 {
  const item = mempoolMalloc(pool);
  assert(item != 0, 'there are as many items as threads');
  store<i32>(item, thread);
  assert(load<i32>(item) == thread, 'another has this item, too');
  mempoolFree(item, STRIDE);
  return 0;
}

export function main(): i32 {
  pool = mempoolCreate(32, STRIDE, 2, MEMPOOL_ROBUST);
  const item = mempoolMalloc(pool);
  store<i32>(item, -1);
  const first = spawn(use, 1);
  const second = spawn(use, 2);
  join(first);
  join(second);
  assert(load<i32>(item) == -1, 'another has this item, too');
  mempoolFree(item, STRIDE);
  mempoolDestroy(pool);
  return 0;
}
