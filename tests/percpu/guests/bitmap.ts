// @ts-nocheck AssemblyScript
// The bitmap. What is conserved: an id is in one hand at most, and when all have come back none is in use.

import { nrCpus } from 'wasm-rseq/assembly';
import {
  bitmapAllocate,
  bitmapCount,
  bitmapCreate,
  bitmapFree,
} from 'wasm-rseq/assembly/percpu/bitmap';
import { runThreads, times } from './threads';

const IDS: i32 = 3;

let bitmap: usize = 0;
let rounds: i32 = 0;
/** i32 for each id: whether somebody has it. */
let hands: usize = 0;
/** i32: an id on the way from one thread to another, counted from 1; 0 for none. */
const parcel: usize = memory.data(4, 4);
/** i32: how often an id was given to two. */
const doubled: usize = memory.data(4, 4);

export function laws(): i32 {
  givesTheLowest(1);
  givesTheLowest(64);
  givesTheLowest(65);
  return 0;
}

function givesTheLowest(ids: i32): void {
  const bitmap = bitmapCreate(ids);
  assert(bitmapCount(bitmap) == 0, 'a new bitmap has none in use');
  const first = bitmapAllocate(bitmap);
  assert(first % ids == 0 && first / ids < nrCpus(), 'the first of a CPU');
  for (let n = 1; n < ids; n++) assert(bitmapAllocate(bitmap) == first + n, 'the lowest');
  assert(bitmapAllocate(bitmap) == -1, 'all are in use');
  assert(bitmapCount(bitmap) == ids, 'as many as were given');
  for (let turn = 0; turn < 2; turn++) {
    bitmapFree(bitmap, first + ids - 1);
    assert(bitmapCount(bitmap) == ids - 1, 'one came back');
    assert(bitmapAllocate(bitmap) == first + ids - 1, 'what came back is given again');
  }
  for (let n = 0; n < ids; n++) bitmapFree(bitmap, first + n);
  assert(bitmapCount(bitmap) == 0, 'all came back');
}

export function hammer(): i32 {
  bitmap = bitmapCreate(IDS);
  rounds = times();
  hands = heap.alloc(<usize>(nrCpus() * IDS) * 4);
  memory.fill(hands, 0, <usize>(nrCpus() * IDS) * 4);
  runThreads((_n: usize): i32 => {
    for (let n = 0; n < rounds; n++) {
      const id = bitmapAllocate(bitmap);
      if (id >= 0) take(id);
      // Another thread gives back what this one has, often on another CPU.
      const other = atomic.xchg<i32>(parcel, id + 1);
      if (other != 0) giveBack(other - 1);
    }
    return 0;
  });
  if (load<i32>(parcel) != 0) giveBack(load<i32>(parcel) - 1);
  return bitmapCount(bitmap) + load<i32>(doubled);
}

function take(id: i32): void {
  if (atomic.xchg<i32>(hands + <usize>id * 4, 1) != 0) atomic.add<i32>(doubled, 1);
}

function giveBack(id: i32): void {
  atomic.store<i32>(hands + <usize>id * 4, 0);
  bitmapFree(bitmap, id);
}
