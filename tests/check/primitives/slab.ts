// @ts-nocheck AssemblyScript
// The slab: three threads take blocks of whatever CPU they are on and leave them there, and so does a handler.
// One CPU has room for a block, the other has none.
// Invariant: in the end the block is there once.

import { rseq } from 'wasm-rseq/assembly';
import {
  drainStopped,
  initSlabs,
  resizeStopped,
  setSlots,
  slabPop,
  slabPush,
  slabsBytes,
} from 'wasm-rseq/assembly/percpu/slab';
import { runThreads } from './threads';

const CLASS: i32 = 1;
const BLOCK: usize = 8;
const SLABS: usize = memory.data(4096, 64);
const taken: usize = memory.data(4, 4);
/** Blocks that found no room. */
const KEPT: usize = memory.data(4, 4);

function move(_argument: usize): i32 {
  const block = slabPop(CLASS);
  if (block != 0) leave(block);
  return 0;
}

function leave(block: usize): void {
  assert(block == BLOCK, 'no block');
  if (!slabPush(CLASS, block)) atomic.add<i32>(KEPT, 1);
}

function onSignal(_signo: i32): void {
  move(0);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  setSlots(CLASS, 1);
  assert(slabsBytes() <= 4096, 'more room');
  initSlabs(SLABS);
  resizeStopped(0, CLASS, 1);
  leave(BLOCK);
  runThreads(move, onSignal);
  let found = load<i32>(KEPT);
  for (let cpu = 0; cpu < 2; cpu++) found += drainStopped(cpu, CLASS, taken, 2);
  assert(found == 1, 'a block is there twice, or not at all');
  return 0;
}
