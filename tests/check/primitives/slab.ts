// @ts-nocheck AssemblyScript
// The slab: three threads take blocks of whatever CPU they are on and leave them there, and so does a handler.
// Invariant: nobody has what another one has, and in the end each block is there once.

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
/** Blocks are addresses of words: who has it counts there. */
const BLOCKS: usize = memory.data(2 * 8, 8);
const SLABS: usize = memory.data(4096, 64);

function move(_argument: usize): i32 {
  const block = slabPop(CLASS);
  if (block == 0) return 0;
  assert(load<i32>(block) == 0, 'a block is in two hands');
  store<i32>(block, 1);
  store<i32>(block, 0);
  assert(slabPush(CLASS, block), 'there is room for all blocks');
  return 0;
}

function onSignal(_signo: i32): void {
  move(0);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  setSlots(CLASS, 2);
  assert(slabsBytes() <= 4096, 'more room');
  initSlabs(SLABS);
  for (let cpu = 0; cpu < 2; cpu++) resizeStopped(cpu, CLASS, 2);
  slabPush(CLASS, BLOCKS);
  runThreads(move, onSignal);
  let found = 0;
  const taken: usize = memory.data(4, 4);
  for (let cpu = 0; cpu < 2; cpu++) {
    while (drainStopped(cpu, CLASS, taken, 1) == 1) {
      assert(load<usize>(taken) == BLOCKS, 'no block');
      found++;
    }
  }
  assert(found == 1, 'a block is there twice, or not at all');
  return 0;
}
