// @ts-nocheck AssemblyScript
// The slab. What is conserved: every block is somewhere once. Blocks are numbers here, 8 and up.

import { nrCpus, nrThreads, rseq, schedYield } from 'wasm-rseq/assembly';
import {
  drainStopped,
  initSlabs,
  resizeStopped,
  resumeSlab,
  setSlots,
  slabCapacity,
  slabLength,
  slabPop,
  slabPopBatch,
  slabPush,
  slabPushBatch,
  slabResize,
  slabsBytes,
  stopSlab,
} from 'wasm-rseq/assembly/percpu/slab';
import { runThreads, times } from './threads';

const CLASS: i32 = 1;
const OTHER_CLASS: i32 = 2;
const SLOTS: i32 = 64;
/** Of each CPU at first. */
const BLOCKS: i32 = 6;
const BATCH: i32 = 3;

const buffer: usize = memory.data(4 * 64, 4);
/** A thread's own, 64 bytes apart. */
let rooms: usize = 0;
let rounds: i32 = 0;

// One copy of each section: the kernel of ras takes 16 sequences at most.

function pop(index: i32): usize {
  return slabPop(index);
}

function push(index: i32, block: usize): bool {
  return slabPush(index, block);
}

function create(): void {
  setSlots(CLASS, SLOTS);
  setSlots(OTHER_CLASS, 2);
  const bytes = slabsBytes();
  const memoryForSlabs = heap.alloc(bytes);
  memory.fill(memoryForSlabs, 0, bytes);
  initSlabs(memoryForSlabs);
}

export function laws(): i32 {
  create();
  const cpu = rseq.cpuId();
  assert(pop(CLASS) == 0 && !push(CLASS, 8), 'a new slab has nothing and takes nothing');
  assert(!slabResize(cpu, CLASS, SLOTS + 1), 'no more room than slots');
  assert(slabResize(cpu, CLASS, 3) && slabCapacity(cpu, CLASS) == 3, 'room for three');
  assert(push(CLASS, 8) && push(CLASS, 16) && push(CLASS, 24), 'takes three');
  assert(!push(CLASS, 32), 'and no more');
  assert(!slabResize(cpu, CLASS, -1), 'no less room than blocks');
  assert(slabLength(cpu, CLASS) == 3, 'has three');
  assert(pop(CLASS) == 24 && pop(CLASS) == 16, 'the last comes first');
  assert(pop(OTHER_CLASS) == 0, 'classes do not mix');
  assert(pop(CLASS) == 8 && pop(CLASS) == 0, 'until there is none');
  for (let n: usize = 0; n < 4; n++) store<usize>(buffer + n * 4, (n + 1) * 8);
  assert(slabPushBatch(CLASS, buffer, 4) == 3, 'of four it takes three');
  assert(load<usize>(buffer) == 8 && pop(CLASS) == 32, 'the last three');
  assert(slabPopBatch(CLASS, buffer, 1) == 1 && load<usize>(buffer) == 24, 'a batch of one');
  assert(
    slabPopBatch(CLASS, buffer, 4) == 1 && load<usize>(buffer) == 16,
    'a batch of what there is',
  );
  assert(slabPopBatch(CLASS, buffer, 4) == 0, 'a batch of nothing');
  assert(slabPushBatch(CLASS, buffer, 0) == 0, 'nothing put');
  push(CLASS, 8);
  stopSlab(cpu);
  if (rseq.cpuId() == cpu) {
    assert(pop(CLASS) == 0 && !push(CLASS, 16), 'a CPU that is stopped has nothing');
    assert(slabPopBatch(CLASS, buffer, 1) == 0, 'and no batch');
    assert(slabPushBatch(CLASS, buffer, 1) == 0, 'and takes none');
    assert(!slabResize(cpu, CLASS, 1), 'nor room');
  }
  assert(drainStopped(cpu, CLASS, buffer, 4) == 1 && load<usize>(buffer) == 8, 'it can be drained');
  resizeStopped(cpu, CLASS, 1);
  resumeSlab(cpu);
  assert(slabCapacity(cpu, CLASS) == 1 && slabLength(cpu, CLASS) == 0, 'and goes on');
  return 0;
}

/** Threads move blocks, alone and in batches; the first also drains CPUs and gives the blocks to its own. */
export function hammer(): i32 {
  create();
  rounds = times();
  rooms = heap.alloc(<usize>nrThreads() * 64);
  const total = nrCpus() * BLOCKS;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    stopSlab(cpu);
    resizeStopped(cpu, CLASS, SLOTS);
    resumeSlab(cpu);
  }
  let left = total;
  while (left > 0) if (push(CLASS, <usize>left * 8)) left--;
  runThreads(move);
  return lost(total);
}

function move(thread: usize): i32 {
  const room = rooms + thread * 64;
  for (let n = 0; n < rounds; n++) {
    const block = pop(CLASS);
    schedYield();
    if (block != 0) while (!push(CLASS, block)) schedYield();
    let count = slabPopBatch(CLASS, room, BATCH);
    schedYield();
    while (count > 0) count -= slabPushBatch(CLASS, room, count);
    if (thread == 0) drainOne(n % nrCpus(), room);
  }
  return 0;
}

function drainOne(cpu: i32, room: usize): void {
  stopSlab(cpu);
  let count = drainStopped(cpu, CLASS, room, 16);
  resumeSlab(cpu);
  while (count > 0) count -= slabPushBatch(CLASS, room, count);
}

/** Blocks that are not there once. */
function lost(total: i32): i32 {
  const seen = heap.alloc(<usize>total + 1);
  memory.fill(seen, 0, <usize>total + 1);
  let missing = total;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    stopSlab(cpu);
    while (drainStopped(cpu, CLASS, buffer, 1) == 1) {
      const number = load<usize>(buffer) / 8;
      assert(number <= <usize>total && load<u8>(seen + number) == 0, 'a block is in two places');
      store<u8>(seen + number, 1);
      missing--;
    }
    resumeSlab(cpu);
  }
  return missing;
}
