// @ts-nocheck AssemblyScript
// The room of the slab: main gives the class of its CPU more and takes it away while another thread leaves blocks.
// Invariant: no CPU has more blocks than room.

import { join, rseq, spawn } from 'wasm-rseq/assembly';
import {
  initSlabs,
  resizeStopped,
  setSlots,
  slabCapacity,
  slabLength,
  slabPush,
  slabPushBatch,
  slabResize,
  slabsBytes,
} from 'wasm-rseq/assembly/percpu/slab';

const CLASS: i32 = 1;
const SLABS: usize = memory.data(4096, 64);
const FIRST: usize = memory.data(8, 4);

function fill(_argument: usize): i32 {
  if (slabPushBatch(CLASS, FIRST, 2) == 0) slabPush(CLASS, 8);
  return 0;
}

function resize(_argument: usize): i32 {
  slabResize(rseq.cpuId(), CLASS, 1);
  slabResize(rseq.cpuId(), CLASS, -1);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  setSlots(CLASS, 2);
  assert(slabsBytes() <= 4096, 'more room');
  initSlabs(SLABS);
  resizeStopped(0, CLASS, 1);
  resizeStopped(1, CLASS, 1);
  const tid = spawn(fill, 0);
  resize(0);
  join(tid);
  for (let cpu = 0; cpu < 2; cpu++) {
    assert(slabLength(cpu, CLASS) <= slabCapacity(cpu, CLASS), 'more blocks than room');
    assert(slabCapacity(cpu, CLASS) <= 2, 'more room than slots');
  }
  return 0;
}
