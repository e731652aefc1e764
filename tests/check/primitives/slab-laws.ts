// @ts-nocheck AssemblyScript
// The slab of one CPU, one thread, whatever room and blocks it has.
// Invariant: it gives what it was given, the last first, takes no more than there is room for, and keeps classes
// and what lies behind it apart.

import { rseq, schedSetaffinity } from 'wasm-rseq/assembly';
import {
  initSlabs,
  setSlots,
  slabCapacity,
  slabLength,
  slabPop,
  slabPopBatch,
  slabPush,
  slabPushBatch,
  slabResize,
  slabsBytes,
} from 'wasm-rseq/assembly/percpu/slab';

const CLASS: i32 = 1;
const NEXT: i32 = 2;
const SLABS: usize = memory.data(8192, 64);
const MASK: usize = memory.data(4, 4);
const BATCH: usize = memory.data(4 * 4, 4);
const BEHIND: u32 = 0x5a5a5a5a;

function pop(): usize {
  return slabPop(CLASS);
}

function push(block: usize): bool {
  return slabPush(CLASS, block);
}

function resize(change: i32): bool {
  return slabResize(0, CLASS, change);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<i32>(MASK, 1);
  schedSetaffinity(0, 4, MASK);
  setSlots(CLASS, 2);
  setSlots(NEXT, 1);
  const bytes = slabsBytes();
  store<u32>(SLABS + bytes, BEHIND);
  initSlabs(SLABS);
  assert(load<u32>(SLABS + bytes) == BEHIND, 'it writes behind itself');

  assert(pop() == 0 && !push(8), 'a new slab has nothing and takes nothing');
  assert(
    slabPopBatch(CLASS, BATCH, 1) == 0 && slabPushBatch(CLASS, BATCH, 1) == 0,
    'in batches too',
  );
  assert(
    slabPopBatch(CLASS, BATCH, -1) == 0 && slabPushBatch(CLASS, BATCH, 0) == 0,
    'none of none',
  );
  assert(!resize(3) && resize(2) && !resize(1), 'room for as many as there are slots');
  assert(slabResize(0, NEXT, 1) && slabPush(NEXT, 64), 'the next class has its own');
  assert(push(8) && push(16) && !push(24), 'it takes two');
  assert(!resize(-1) && slabLength(0, CLASS) == 2, 'no less room than blocks');
  assert(pop() == 16 && resize(-1) && slabCapacity(0, CLASS) == 1, 'as much room as blocks');
  assert(!push(16) && resize(1), 'and no more');
  store<usize>(BATCH, 24);
  store<usize>(BATCH, 32, 4);
  assert(
    slabPushBatch(CLASS, BATCH, 2) == 1 && pop() == 32 && pop() == 8 && pop() == 0,
    'the last of two',
  );
  assert(slabPushBatch(CLASS, BATCH, 2) == 2, 'both');
  assert(slabPopBatch(CLASS, BATCH, 1) == 1 && load<usize>(BATCH) == 32, 'a batch of one');
  assert(slabPopBatch(CLASS, BATCH, 4) == 1 && load<usize>(BATCH) == 24, 'of what there is');
  assert(slabPop(NEXT) == 64 && slabPop(NEXT) == 0, 'the next class has kept its own');
  return 0;
}
