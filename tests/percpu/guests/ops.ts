// @ts-nocheck AssemblyScript
// librseq's operations. What is conserved: counts, the nodes of a list, and the items of two stacks, one of
// pointers and one of bytes.

import { abi } from 'wasm-rseq/assembly/abi';
import { nrCpus, nrThreads } from 'wasm-rseq/assembly';
import {
  loadAddLoadLoadAddStore,
  loadAddStore,
  loadCbeqStoreAddLoadStore,
  loadCbneLoadCbneStore,
  loadCbneMemcpyStore,
  loadCbneStore,
  loadCbneStoreStore,
  MemoryOrder,
  PercpuMode,
  percpuIndex,
} from 'wasm-rseq/assembly/percpu/ops';
import { Abi } from 'wasm-rseq/src/abi/personality';
import { pinTo, zeroed } from './memory';
import { runThreads, times } from './threads';

// One copy of each section: the kernel of ras takes 16 at most.
function compareStore(order: i32, mode: i32, v: usize, expect: usize, newv: usize, cpu: i32): i32 {
  return loadCbneStore(order, mode, v, expect, newv, cpu);
}
function popNode(
  order: i32,
  mode: i32,
  v: usize,
  expectNot: usize,
  offset: usize,
  found: usize,
  cpu: i32,
): i32 {
  return loadCbeqStoreAddLoadStore(order, mode, v, expectNot, offset, found, cpu);
}
function add(order: i32, mode: i32, v: usize, count: usize, cpu: i32): i32 {
  return loadAddStore(order, mode, v, count, cpu);
}
function addBehind(order: i32, mode: i32, v: usize, offset: usize, count: usize, cpu: i32): i32 {
  return loadAddLoadLoadAddStore(order, mode, v, offset, count, cpu);
}
function compareCompareStore(
  order: i32,
  mode: i32,
  v: usize,
  expect: usize,
  v2: usize,
  expect2: usize,
  newv: usize,
  cpu: i32,
): i32 {
  return loadCbneLoadCbneStore(order, mode, v, expect, v2, expect2, newv, cpu);
}
function storeStore(
  order: i32,
  mode: i32,
  v: usize,
  expect: usize,
  v2: usize,
  newv2: usize,
  newv: usize,
  cpu: i32,
): i32 {
  return loadCbneStoreStore(order, mode, v, expect, v2, newv2, newv, cpu);
}
function copyStore(
  order: i32,
  mode: i32,
  v: usize,
  expect: usize,
  to: usize,
  from: usize,
  length: usize,
  newv: usize,
  cpu: i32,
): i32 {
  return loadCbneMemcpyStore(order, mode, v, expect, to, from, length, newv, cpu);
}

// --- laws

/** v, and a second word. */
const v: usize = memory.data(4);
const second: usize = memory.data(4);
/** Room for a copy, and what is copied. */
const to: usize = memory.data(64);
const from: usize = memory.data(64);
const RELAXED = MemoryOrder.Relaxed;

export function laws(): i32 {
  for (let n: usize = 0; n < 64; n++) store<u8>(from + n, <u8>n + 1);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    pinTo(cpu);
    assert(percpuIndex(PercpuMode.CpuId) == cpu, 'the index is the CPU');
    tryAll(RELAXED, PercpuMode.CpuId, cpu);
    tryAll(MemoryOrder.Release, PercpuMode.CpuId, cpu);
    refuseAll(RELAXED, PercpuMode.CpuId, cpu + 1);
    refuseAll(MemoryOrder.Consume, PercpuMode.CpuId, cpu);
    refuseAll(MemoryOrder.Acquire, PercpuMode.CpuId, cpu);
    refuseAll(MemoryOrder.AcqRel, PercpuMode.CpuId, cpu);
    refuseAll(MemoryOrder.SeqCst, PercpuMode.CpuId, cpu);
    refuseAll(RELAXED, 2, cpu);
    if (abi() == Abi.Linux || abi() == Abi.LinuxV2) {
      // A process of one thread has one concurrency id.
      assert(percpuIndex(PercpuMode.MmCid) == 0, 'the index is the concurrency id');
      tryAll(RELAXED, PercpuMode.MmCid, 0);
      refuseAll(RELAXED, PercpuMode.MmCid, 1);
    } else refuseAll(RELAXED, PercpuMode.MmCid, cpu);
  }
  return 0;
}

function tryAll(order: i32, mode: i32, index: i32): void {
  if (order == RELAXED) tryRelaxed(mode, index);
  else refuseRelaxed(order, mode, index);
  tryStores(order, mode, index);
}

function tryRelaxed(mode: i32, cpu: i32): void {
  store<usize>(v, 1);
  assert(compareStore(RELAXED, mode, v, 2, 3, cpu) == 1 && load<usize>(v) == 1, 'cbne says no');
  assert(compareStore(RELAXED, mode, v, 1, 3, cpu) == 0 && load<usize>(v) == 3, 'it stores');

  assert(add(RELAXED, mode, v, 4, cpu) == 0 && load<usize>(v) == 7, 'it adds');

  store<usize>(second, 9);
  store<usize>(v, second - 8);
  assert(popNode(RELAXED, mode, v, second - 8, 8, to, cpu) == 1, 'cbeq says no');
  assert(load<usize>(v) == second - 8, 'and leaves the word alone');
  assert(popNode(RELAXED, mode, v, 0, 8, to, cpu) == 0, 'another word is followed');
  assert(load<usize>(to) == second - 8 && load<usize>(v) == 9, 'found, and replaced by the next');

  store<usize>(v, to - 8);
  store<usize>(to, second);
  assert(addBehind(RELAXED, mode, v, 8, 5, cpu) == 0, 'it adds behind a pointer');
  assert(load<usize>(second) == 14 && load<usize>(v) == to - 8, 'there and nowhere else');

  store<usize>(v, 1);
  assert(compareCompareStore(RELAXED, mode, v, 2, -4, 14, 3, cpu) == 1, 'the first says no');
  assert(compareCompareStore(RELAXED, mode, v, 1, second, 13, 3, cpu) == 1, 'the second says no');
  assert(load<usize>(v) == 1, 'and nothing is stored');
  assert(compareCompareStore(RELAXED, mode, v, 1, second, 14, 3, cpu) == 0, 'both agree');
  assert(load<usize>(v) == 3 && load<usize>(second) == 14, 'and the first is stored');
}

function tryStores(order: i32, mode: i32, cpu: i32): void {
  store<usize>(v, 1);
  store<usize>(second, 7);
  assert(storeStore(order, mode, v, 2, second, 5, 3, cpu) == 1, 'cbne says no');
  assert(load<usize>(v) == 1 && load<usize>(second) == 7, 'and nothing is stored');
  assert(storeStore(order, mode, v, 1, second, 5, 3, cpu) == 0, 'it stores twice');
  assert(load<usize>(v) == 3 && load<usize>(second) == 5, 'what it was told');

  memory.fill(to, 0, 64);
  assert(copyStore(order, mode, v, 2, to, from, 64, 4, cpu) == 1, 'cbne says no');
  assert(load<usize>(v) == 3 && load<u8>(to) == 0, 'and nothing is copied');
  for (let length: usize = 0; length <= 33; length++) {
    memory.fill(to, 0, 64);
    store<usize>(v, 3);
    assert(copyStore(order, mode, v, 3, to + 1, from, length, 4, cpu) == 0, 'any length is copied');
    assert(load<usize>(v) == 4, 'and then stored');
    assert(load<u8>(to) == 0 && load<u8>(to + 1 + length) == 0, 'not more');
    assert(memory.compare(to + 1, from, length) == 0, 'not less');
  }
}

function refuseAll(order: i32, mode: i32, cpu: i32): void {
  refuseRelaxed(order, mode, cpu);
  store<usize>(v, 1);
  store<usize>(second, 7);
  assert(storeStore(order, mode, v, 1, second, 5, 3, cpu) == -1, 'refused');
  assert(copyStore(order, mode, v, 1, second, from, 4, 3, cpu) == -1, 'refused');
  assert(load<usize>(v) == 1 && load<usize>(second) == 7, 'nothing is stored');
}

function refuseRelaxed(order: i32, mode: i32, cpu: i32): void {
  store<usize>(v, to);
  store<usize>(to, second);
  store<usize>(second, 7);
  assert(compareStore(order, mode, v, to, 3, cpu) == -1, 'refused');
  assert(add(order, mode, v, 4, cpu) == -1, 'refused');
  assert(popNode(order, mode, v, 0, 0, second, cpu) == -1, 'refused');
  assert(addBehind(order, mode, v, 0, 5, cpu) == -1, 'refused');
  assert(compareCompareStore(order, mode, v, to, second, 7, 3, cpu) == -1, 'refused');
  assert(load<usize>(v) == to && load<usize>(to) == second, 'nothing is stored');
  assert(load<usize>(second) == 7, 'nothing is stored');
}

// --- hammer

const STRIDE: usize = 1024;
// In each CPU's part: two counts, the second one reached by way of two words, a list, and two stacks, each a
// number of pieces and room for them.
const COUNT: usize = 0;
const COUNT_BEHIND: usize = 4;
const PART: usize = 8;
const COUNTER: usize = 12;
const HEAD: usize = 16;
const POINTERS: usize = 20;
const ITEMS: usize = 24;
const POINTERS_ROOM: usize = 64;
const ITEMS_ROOM: usize = 256;
/** Of a list, and of each stack, at the beginning. */
const PIECES: i32 = 2;
/** A node: the next, its number. An item: its number, three times. */
const NODE_BYTES: usize = 8;
const ITEM_BYTES: usize = 12;
// In a thread's record: where it pops a node to, and an item.
const RECORD_BYTES: usize = 64;
const ITEM: usize = 16;

let parts: usize = 0;
let records: usize = 0;
let rounds: i32 = 0;
let found: i32 = 0;

function here(): i32 {
  return percpuIndex(PercpuMode.CpuId);
}

function partOf(cpu: i32): usize {
  return parts + <usize>cpu * STRIDE;
}

function countBoth(): void {
  let cpu: i32;
  do cpu = here();
  while (add(RELAXED, 0, partOf(cpu) + COUNT, 1, cpu) != 0);
  do cpu = here();
  while (addBehind(RELAXED, 0, partOf(cpu) + PART, COUNTER, 1, cpu) != 0);
}

function moveNode(record: usize): void {
  let cpu: i32;
  let result: i32;
  do {
    cpu = here();
    result = popNode(RELAXED, 0, partOf(cpu) + HEAD, 0, 0, record, cpu);
  } while (result < 0);
  if (result != 0) return;
  const node = load<usize>(record);
  do {
    cpu = here();
    store<usize>(node, load<usize>(partOf(cpu), HEAD));
  } while (compareStore(RELAXED, 0, partOf(cpu) + HEAD, load<usize>(node), node, cpu) != 0);
}

function movePointer(order: i32): void {
  let cpu: i32;
  let n: usize;
  let place: usize;
  let pointer: usize;
  do {
    cpu = here();
    n = load<usize>(partOf(cpu), POINTERS);
    if (n == 0) return;
    place = partOf(cpu) + POINTERS_ROOM + (n - 1) * 4;
    pointer = load<usize>(place);
  } while (
    compareCompareStore(RELAXED, 0, partOf(cpu) + POINTERS, n, place, pointer, n - 1, cpu) != 0
  );
  do {
    cpu = here();
    n = load<usize>(partOf(cpu), POINTERS);
    place = partOf(cpu) + POINTERS_ROOM + n * 4;
  } while (storeStore(order, 0, partOf(cpu) + POINTERS, n, place, pointer, n + 1, cpu) != 0);
}

function moveItem(order: i32, item: usize): void {
  let cpu: i32;
  let n: usize;
  let place: usize;
  do {
    cpu = here();
    n = load<usize>(partOf(cpu), ITEMS);
    if (n == 0) return;
    place = partOf(cpu) + ITEMS_ROOM + (n - 1) * ITEM_BYTES;
  } while (copyStore(order, 0, partOf(cpu) + ITEMS, n, item, place, ITEM_BYTES, n - 1, cpu) != 0);
  do {
    cpu = here();
    n = load<usize>(partOf(cpu), ITEMS);
    place = partOf(cpu) + ITEMS_ROOM + n * ITEM_BYTES;
  } while (copyStore(order, 0, partOf(cpu) + ITEMS, n, place, item, ITEM_BYTES, n + 1, cpu) != 0);
}

export function hammer(): i32 {
  parts = zeroed(<usize>nrCpus() * STRIDE);
  records = zeroed(<usize>nrThreads() * RECORD_BYTES);
  rounds = times();
  for (let cpu = 0; cpu < nrCpus(); cpu++) fill(cpu);
  runThreads((n: usize): i32 => {
    const record = records + n * RECORD_BYTES;
    const order = n % 2 == 0 ? RELAXED : MemoryOrder.Release;
    for (let round = 0; round < rounds; round++) {
      if (round % 2 == 0) {
        countBoth();
        moveNode(record);
      } else {
        movePointer(order);
        moveItem(order, record + ITEM);
      }
    }
    return 0;
  });
  return lostCounts() + lostPieces();
}

function fill(cpu: i32): void {
  const part = partOf(cpu);
  store<usize>(part, part, PART);
  store<usize>(part, part + COUNT_BEHIND, COUNTER);
  for (let n = 0; n < PIECES; n++) {
    const piece = cpu * PIECES + n;
    const node = zeroed(NODE_BYTES);
    store<usize>(node, load<usize>(part, HEAD));
    store<i32>(node, piece, 4);
    store<usize>(part, node, HEAD);
    store<i32>(part + POINTERS_ROOM + <usize>n * 4, piece);
    for (let at: usize = 0; at < ITEM_BYTES; at += 4) {
      store<i32>(part + ITEMS_ROOM + <usize>n * ITEM_BYTES + at, piece);
    }
  }
  store<usize>(part, PIECES, POINTERS);
  store<usize>(part, PIECES, ITEMS);
}

function lostCounts(): i32 {
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    sum += load<i32>(partOf(cpu), COUNT) + load<i32>(partOf(cpu), COUNT_BEHIND);
  }
  return 2 * nrThreads() * ((rounds + 1) >> 1) - sum;
}

/** How many pieces are not there; none is there twice. */
function lostPieces(): i32 {
  const total = nrCpus() * PIECES;
  const nodes = zeroed(<usize>total);
  const pointers = zeroed(<usize>total);
  const items = zeroed(<usize>total);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    const part = partOf(cpu);
    for (let node = load<usize>(part, HEAD); node != 0; node = load<usize>(node)) {
      find(nodes, load<i32>(node, 4));
    }
    for (let n: usize = 0; n < load<usize>(part, POINTERS); n++) {
      find(pointers, load<i32>(part + POINTERS_ROOM + n * 4));
    }
    for (let n: usize = 0; n < load<usize>(part, ITEMS); n++) {
      const item = part + ITEMS_ROOM + n * ITEM_BYTES;
      assert(load<i32>(item) == load<i32>(item, 4) && load<i32>(item) == load<i32>(item, 8));
      find(items, load<i32>(item));
    }
  }
  return 3 * total - found;
}

function find(isFound: usize, piece: i32): void {
  assert(
    piece < nrCpus() * PIECES && load<u8>(isFound + <usize>piece) == 0,
    'a piece is there twice',
  );
  store<u8>(isFound + <usize>piece, 1);
  found++;
}
