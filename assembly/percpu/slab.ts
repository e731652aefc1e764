// === percpu/slab: blocks that a CPU has at hand ====================================================
//
//   slabs ──► cpu -1, 0, 1, ... : address of its slab
//   slab:  ┌ header of class 0 ┬ class 1 ┬ ... ┐┌ 1 │ block │ block │ ... ┐┌ 1 │ block ...
//          └ u32 top │ u32 end                 ┘ └ slots of class 1        └ slots of class 2
//
// top and end are addresses: the slots below top hold blocks, those up to end may. In front of a class's
// slots is an odd word, which no block is, so a pop sees that there is nothing without knowing where the
// slots begin. After tcmalloc's per-CPU slab.
//
//   pop        S: s = slabs[cpu]; t = s[class].top; block = t[-1] | odd: none | C: top = t - 1
//   push       S: s = slabs[cpu]; t = top; t >= end: full | t[0] = block | C: top = t + 1
//   popBatch   S: s, t; k = min(count, t - begin); k = 0: none | copy k slots | C: top = t - k
//   pushBatch  S: s, t, end; k = min(count, end - t); k = 0: full | copy k blocks | C: top = t + k
//   resize     S: s = slabs[cpu], cpu is the one that is meant; end | C: end = end + change
//
// All retry when aborted; an aborted push has written above top, where nobody reads. A CPU is stopped by
// giving it the slab of CPU -1, which has nothing and takes nothing, and a fence: behind that nobody is in
// its slab, until it is given back. CPU -1 is that of threads which have not registered.

import { fenceCpu } from '../fence';
import { rseq } from '../rseq';
import { nrCpus } from '../sys';

/** Classes of a slab, 0 to SLAB_CLASSES - 1. Of class 0 there are no blocks. */
export const SLAB_CLASSES: i32 = 72;

const SLABS: usize = memory.data(4 * 257, 4) + 4;
/** Of each CPU, also while it is stopped. */
const OWN_SLABS: usize = memory.data(4 * 256, 4);

const FENCE_ROOM: usize = memory.data(64, 4);

const HEADER_BYTES: usize = 8;
const HEADERS_BYTES: usize = <usize>SLAB_CLASSES * HEADER_BYTES;
/** The headers, and one odd word. */
const EMPTY_BYTES: usize = HEADERS_BYTES + 64;
const TOP: usize = 0;
const END: usize = 4;
const ODD: usize = 1;

/** Of each class: where its slots begin, in bytes from the slab, and how many there are. */
const BEGINS: usize = memory.data(4 * 72, 4);
const SLOTS: usize = memory.data(2 * 72, 2);

/** Set how many slots a class has; before slabsBytes. */
export function setSlots(index: i32, slots: i32): void {
  store<u16>(SLOTS + <usize>index * 2, <u16>slots);
}

/** Bytes that initSlabs needs. */
export function slabsBytes(): usize {
  return EMPTY_BYTES + <usize>nrCpus() * slabBytes();
}

/** Make slabs in which every class has room for nothing, at `memory`, which is zero. One thread, once. */
export function initSlabs(memory: usize): void {
  let begin = HEADERS_BYTES + 4;
  for (let index = 0; index < SLAB_CLASSES; index++) {
    store<u32>(BEGINS + <usize>index * 4, <u32>begin);
    begin += (slotsOf(index) + 1) * 4;
  }
  initEmpty(memory);
  store<usize>(slabOf(-1), memory);
  let slab = memory + EMPTY_BYTES;
  for (let cpu = 0; cpu < nrCpus(); cpu++, slab += slabBytes()) {
    initSlab(slab);
    store<usize>(OWN_SLABS + <usize>cpu * 4, slab);
    store<usize>(slabOf(cpu), slab);
  }
}

/** Take a block that this CPU has; 0: none. */
// @ts-ignore: decorator
@inline
export function slabPop(index: i32): usize {
  rseq.restart();
  rseq.start();
  const header = load<usize>(slabOf(rseq.cpuId())) + <usize>index * HEADER_BYTES;
  const top = load<usize>(header, TOP) - 4;
  const block = load<usize>(top);
  if (block & ODD) return 0;
  store<usize>(header, top, TOP);
  rseq.end();
  return block;
}

/** Leave a block with this CPU. Returns false when it takes no more. */
// @ts-ignore: decorator
@inline
export function slabPush(index: i32, block: usize): bool {
  rseq.restart();
  rseq.start();
  const header = load<usize>(slabOf(rseq.cpuId())) + <usize>index * HEADER_BYTES;
  const top = load<usize>(header, TOP);
  if (top >= load<usize>(header, END)) return false;
  // Speculative: nobody reads the slot until top says that it holds a block.
  store<usize>(top, block);
  store<usize>(header, top + 4, TOP);
  rseq.end();
  return true;
}

/** Take up to `count` blocks, to `buffer`, which an aborted try writes too. Returns how many. */
export function slabPopBatch(index: i32, buffer: usize, count: i32): i32 {
  const begin = load<u32>(BEGINS + <usize>index * 4);
  rseq.restart();
  rseq.start();
  const slab = load<usize>(slabOf(rseq.cpuId()));
  const header = slab + <usize>index * HEADER_BYTES;
  const top = load<usize>(header, TOP);
  const taken = min(count << 2, <i32>(top - slab - begin));
  if (taken <= 0) return 0;
  memory.copy(buffer, top - taken, taken);
  store<usize>(header, top - taken, TOP);
  rseq.end();
  return taken >> 2;
}

/** Leave up to `count` blocks of `buffer`, the last ones. Returns how many. */
export function slabPushBatch(index: i32, buffer: usize, count: i32): i32 {
  rseq.restart();
  rseq.start();
  const header = load<usize>(slabOf(rseq.cpuId())) + <usize>index * HEADER_BYTES;
  const top = load<usize>(header, TOP);
  const put = min(count << 2, <i32>(load<usize>(header, END) - top));
  if (put <= 0) return 0;
  memory.copy(top, buffer + (count << 2) - put, put);
  store<usize>(header, top + put, TOP);
  rseq.end();
  return put >> 2;
}

/**
 * Let `cpu`, which should be this one, have room for `change` blocks more or less. Returns false when the
 * class has not that many slots, or blocks in them, or the thread is elsewhere or the CPU stopped.
 */
export function slabResize(cpu: i32, index: i32, change: i32): bool {
  const own = ownSlab(cpu);
  const header = own + <usize>index * HEADER_BYTES;
  const last = own + load<u32>(BEGINS + <usize>index * 4) + slotsOf(index) * 4;
  rseq.restart();
  rseq.start();
  if (load<usize>(slabOf(rseq.cpuId())) != own) return false;
  const end = load<usize>(header, END) + (change << 2);
  if (end > last || end < load<usize>(header, TOP)) return false;
  store<usize>(header, end, END);
  rseq.end();
  return true;
}

/** Blocks that `cpu` has; may have changed already unless it is stopped. */
export function slabLength(cpu: i32, index: i32): i32 {
  return <i32>(load<usize>(headerOf(cpu, index), TOP) - beginOf(cpu, index)) >> 2;
}

/** Blocks that `cpu` has room for. */
export function slabCapacity(cpu: i32, index: i32): i32 {
  return <i32>(load<usize>(headerOf(cpu, index), END) - beginOf(cpu, index)) >> 2;
}

/** From here to resumeSlab nobody is in the slab of `cpu`: what it has is the caller's. One at a time. */
export function stopSlab(cpu: i32): void {
  atomic.store<usize>(slabOf(cpu), load<usize>(slabOf(-1)));
  fenceCpu(cpu, FENCE_ROOM);
}

/** The CPU goes on with its slab. */
export function resumeSlab(cpu: i32): void {
  atomic.store<usize>(slabOf(cpu), ownSlab(cpu));
}

/** Take up to `count` blocks of a CPU that is stopped, to `buffer`. Returns how many. */
export function drainStopped(cpu: i32, index: i32, buffer: usize, count: i32): i32 {
  const header = headerOf(cpu, index);
  const taken = min(count, slabLength(cpu, index));
  const top = load<usize>(header, TOP) - (taken << 2);
  memory.copy(buffer, top, taken << 2);
  store<usize>(header, top, TOP);
  return taken;
}

/** Let a CPU that is stopped have room for `capacity` blocks, which is not fewer than it has. */
export function resizeStopped(cpu: i32, index: i32, capacity: i32): void {
  store<usize>(headerOf(cpu, index), beginOf(cpu, index) + (capacity << 2), END);
}

/** Where the address of a CPU's slab stands. */
// @ts-ignore: decorator
@inline
function slabOf(cpu: i32): usize {
  return SLABS + (<usize>cpu << 2);
}

function ownSlab(cpu: i32): usize {
  return load<usize>(OWN_SLABS + (<usize>cpu << 2));
}

function headerOf(cpu: i32, index: i32): usize {
  return ownSlab(cpu) + <usize>index * HEADER_BYTES;
}

function beginOf(cpu: i32, index: i32): usize {
  return ownSlab(cpu) + load<u32>(BEGINS + <usize>index * 4);
}

function slotsOf(index: i32): usize {
  return load<u16>(SLOTS + <usize>index * 2);
}

function slabBytes(): usize {
  let bytes = HEADERS_BYTES;
  for (let index = 0; index < SLAB_CLASSES; index++) bytes += (slotsOf(index) + 1) * 4;
  return (bytes + 63) & ~63;
}

/** An odd word in front of the slots of each class, and no room behind it. */
function initSlab(slab: usize): void {
  for (let index = 0; index < SLAB_CLASSES; index++) {
    const begin = slab + load<u32>(BEGINS + <usize>index * 4);
    const header = slab + <usize>index * HEADER_BYTES;
    store<usize>(begin - 4, ODD);
    store<usize>(header, begin, TOP);
    store<usize>(header, begin, END);
  }
}

/** One odd word behind the headers for all classes, and no room. */
function initEmpty(slab: usize): void {
  store<usize>(slab + HEADERS_BYTES, ODD);
  for (let index = 0; index < SLAB_CLASSES; index++) {
    const header = slab + <usize>index * HEADER_BYTES;
    store<usize>(header, slab + HEADERS_BYTES + 4, TOP);
    store<usize>(header, slab + HEADERS_BYTES + 4, END);
  }
}
