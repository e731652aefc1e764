// @ts-nocheck AssemblyScript
// The bitmap. First a thread alone takes all ids of a CPU and gives them back; then two threads and a handler
// take what they get, while main gives one back that may be of another CPU.
// Invariant: no id is in two hands, and whatever is in no hand can be had.

import { rseq, schedSetaffinity } from 'wasm-rseq/assembly';
import {
  bitmapAllocate,
  bitmapCount,
  bitmapCreate,
  bitmapFree,
} from 'wasm-rseq/assembly/percpu/bitmap';
import { runThreads } from './threads';

/** i32 mask of CPUs. */
const CPUS: usize = memory.data(4, 4);
/** i32 id that each thread and the handler has, -1 for none. */
const HANDS: usize = memory.data(16, 4);

let bitmap: usize = 0;

function stayOn(cpus: i32): void {
  store<i32>(CPUS, cpus);
  schedSetaffinity(0, 4, CPUS);
}

/** Ids 65 to 129 are of CPU 1: a pair, and one id of another. */
function alone(): void {
  const ids = 65;
  const bitmap = bitmapCreate(ids);
  assert(load<u64>(bitmap, 64 + 2 * 64 + 16) == 0, 'written behind the last CPU');
  store<u64>(bitmap, u64.MAX_VALUE, 64 + 2 * 16); // behind the last pair of CPU 0
  stayOn(2);
  for (let n = 0; n < ids; n++) assert(bitmapAllocate(bitmap) == ids + n, 'not the lowest');
  assert(bitmapAllocate(bitmap) == -1, 'more than there are');
  assert(bitmapCount(bitmap) == ids, 'in use: all of one CPU');
  bitmapFree(bitmap, ids + 64);
  bitmapFree(bitmap, ids + 7);
  assert(bitmapCount(bitmap) == ids - 2, 'two came back');
  assert(bitmapAllocate(bitmap) == ids + 7, 'not the lowest');
  assert(bitmapAllocate(bitmap) == ids + 64, 'not the next');
  assert(bitmapAllocate(bitmap) == -1, 'more than came back');
  stayOn(1);
  assert(bitmapAllocate(bitmap) == 0, 'a CPU has ids of its own');
  stayOn(3);
}

function allocate(me: usize): i32 {
  if (me == 0) bitmapFree(bitmap, 0);
  else store<i32>(HANDS + me * 4, bitmapAllocate(bitmap));
  return 0;
}

function onSignal(_signo: i32): void {
  store<i32>(HANDS, bitmapAllocate(bitmap), 12);
}

/** CPU 0 has ids 0 to 2, of which 0 and 2 are in use; CPU 1 has 3 to 5, of which 4 and 5 are. */
function prepare(): void {
  bitmap = bitmapCreate(3);
  store<i64>(bitmap, ~2, 64);
  store<i64>(bitmap, ~1, 128);
  memory.fill(HANDS, 0xff, 16);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  alone();
  prepare();
  runThreads(allocate, onSignal);
  let held = (1 << 2) | (1 << 4) | (1 << 5);
  let count = 3;
  for (let n: usize = 0; n < 4; n++) {
    const id = load<i32>(HANDS + n * 4);
    if (id < 0) continue;
    assert((held & (1 << id)) == 0, 'in two hands');
    held |= 1 << id;
    count++;
  }
  assert(bitmapCount(bitmap) == count, 'an id was lost');
  return 0;
}
