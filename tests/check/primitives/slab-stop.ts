// @ts-nocheck AssemblyScript
// A CPU is stopped while a thread is in its slab, drained, and goes on.
// Invariant: in the end the block is there once.

import { join, rseq, spawn } from 'wasm-rseq/assembly';
import {
  drainStopped,
  initSlabs,
  resizeStopped,
  resumeSlab,
  setSlots,
  slabPop,
  slabPush,
  slabsBytes,
  stopSlab,
} from 'wasm-rseq/assembly/percpu/slab';

const CLASS: i32 = 1;
const SLABS: usize = memory.data(4096, 64);
const taken: usize = memory.data(4, 4);
const KEPT: usize = memory.data(4, 4);

function move(_argument: usize): i32 {
  const block = slabPop(CLASS);
  if (block != 0) leave(block);
  return 0;
}

function leave(block: usize): void {
  if (!slabPush(CLASS, block)) atomic.add<i32>(KEPT, 1);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  setSlots(CLASS, 1);
  assert(slabsBytes() <= 4096, 'more room');
  initSlabs(SLABS);
  for (let cpu = 0; cpu < 2; cpu++) resizeStopped(cpu, CLASS, 1);
  leave(8);
  const tid = spawn(move, 0);
  stopSlab(0);
  let found = drainStopped(0, CLASS, taken, 1);
  resumeSlab(0);
  join(tid);
  found += load<i32>(KEPT);
  for (let cpu = 0; cpu < 2; cpu++) found += drainStopped(cpu, CLASS, taken, 1);
  assert(found == 1, 'a block is there twice, or not at all');
  return 0;
}
