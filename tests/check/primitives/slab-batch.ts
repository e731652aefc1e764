// @ts-nocheck AssemblyScript
// Batches of the slab: two threads take a block of their CPU and leave it where there is room; a third one takes
// all it finds.
// Invariant: in the end each block is there once.

import { join, rseq, schedSetaffinity, spawn } from 'wasm-rseq/assembly';
import {
  drainStopped,
  initSlabs,
  resizeStopped,
  setSlots,
  slabPopBatch,
  slabPushBatch,
  slabsBytes,
} from 'wasm-rseq/assembly/percpu/slab';

const CLASS: i32 = 1;
const SLABS: usize = memory.data(4096, 64);
const FIRST: usize = memory.data(8, 4);
const SECOND: usize = memory.data(8, 4);
const THIRD: usize = memory.data(8, 4);
const MASK: usize = memory.data(4, 64);
const LAST: usize = memory.data(16, 4);

let kept: i32 = 0;

function move(buffer: usize): i32 {
  const count = slabPopBatch(CLASS, buffer, 1);
  const left = count - slabPushBatch(CLASS, buffer, count);
  // What was not taken is in front.
  if (left > 0) atomic.add<i32>(LAST, left);
  return 0;
}

/** They are no one's any more. On CPU 0, which has most. */
function take(buffer: usize): i32 {
  store<i32>(MASK, 1);
  schedSetaffinity(0, 4, MASK);
  atomic.add<i32>(LAST, slabPopBatch(CLASS, buffer, 2));
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  setSlots(CLASS, 3);
  assert(slabsBytes() <= 4096, 'more room');
  initSlabs(SLABS);
  resizeStopped(0, CLASS, 2);
  resizeStopped(1, CLASS, 1);
  store<usize>(FIRST, 8);
  store<usize>(FIRST, 16, 4);
  let count = slabPushBatch(CLASS, FIRST, 2);
  if (count == 1) kept = 1;
  const tid = spawn(move, FIRST);
  const other = spawn(take, THIRD);
  move(SECOND);
  join(tid);
  join(other);
  let found = kept + load<i32>(LAST);
  for (let cpu = 0; cpu < 2; cpu++) {
    found += drainStopped(cpu, CLASS, SECOND, 3);
  }
  assert(found == 2, 'a block is there twice, or not at all');
  return 0;
}
