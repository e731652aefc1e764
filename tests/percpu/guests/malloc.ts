// @ts-nocheck AssemblyScript
// malloc. What is conserved: bytes of a block are its owner's until it is freed, whoever frees it.

import { nrCpus, rseq } from 'wasm-rseq/assembly';
import {
  alignedAlloc,
  calloc,
  free,
  malloc,
  mallocCachedBytes,
  mallocDrain,
  mallocHeapBytes,
  mallocOverflows,
  mallocSetCacheLimit,
  mallocUnderflows,
  mallocUsableSize,
  realloc,
} from 'wasm-rseq/assembly/percpu/malloc';
import { runThreads, times } from './threads';

/** Blocks that wait for somebody to free them. */
const SHARED: usize = 4;
const shared: usize = memory.data(4 * 4, 4);
let rounds: i32 = 0;

// One copy of each section: the kernel of ras takes 16 sequences at most.

function take(size: usize): usize {
  return malloc(size);
}

function give(block: usize): void {
  free(block);
}

export function laws(): i32 {
  sizes();
  alignments();
  contents();
  reuse();
  cpus();
  nothing();
  return 0;
}

/** At most an eighth too many up to 2 KiB, a quarter up to 64, a page above. */
function sizes(): void {
  for (let size: usize = 1; size < 300000; size += 1 + size / 40) {
    const block = take(size);
    const usable = mallocUsableSize(block);
    const most = size <= 2048 ? size / 8 + 8 : size <= 65536 ? size / 4 : 4096;
    assert(usable >= size && usable <= size + most, 'a block is as long as it must be');
    memory.fill(block, 0xff, usable);
    give(block);
  }
}

function alignments(): void {
  for (let size: usize = 1; size < 5000; size += 7) {
    const block = take(size);
    const aligned = take(size * 16);
    assert((block & 7) == 0 && (aligned & 15) == 0, 'as its size is');
    give(aligned);
    give(block);
  }
  for (let alignment: usize = 1; alignment <= 1 << 18; alignment *= 2) {
    const block = alignedAlloc(alignment, 100);
    const other = alignedAlloc(alignment, alignment * 3);
    assert((block & (alignment - 1)) == 0 && (other & (alignment - 1)) == 0, 'as asked for');
    give(other);
    give(block);
  }
  assert(alignedAlloc(0, 8) == 0 && alignedAlloc(24, 8) == 0, 'a power of two');
}

/** realloc keeps what both have; calloc is zero. */
function contents(): void {
  let block = realloc(0, 1);
  store<u8>(block, 0);
  let size: usize = 1;
  for (; size < 200000; size += 1 + size / 3) {
    block = grown(block, size, size + 1 + size / 3);
  }
  for (; size > 8; size = size / 2) {
    block = realloc(block, size / 2);
    for (let at: usize = 0; at < size / 2; at++) assert(load<u8>(block + at) == <u8>at, 'kept');
  }
  give(block);
  for (let n: usize = 1; n < 40; n++) {
    const zeros = calloc(n, 100);
    for (let at: usize = 0; at < n * 100; at++) assert(load<u8>(zeros + at) == 0, 'zero');
    memory.fill(zeros, 0xff, n * 100);
    give(zeros);
  }
  assert(calloc(1 << 17, 1 << 17) == 0, 'more than there can be');
}

function grown(block: usize, size: usize, larger: usize): usize {
  const moved = realloc(block, larger);
  for (let at: usize = 0; at < size; at++) assert(load<u8>(moved + at) == <u8>at, 'kept');
  for (let at = size; at < larger; at++) store<u8>(moved + at, <u8>at);
  return moved;
}

/** What is freed is used again: once each class has its room, the heap is what it is. */
function reuse(): void {
  let after: usize = 0;
  for (let round = 0; round < 30; round++) {
    let list: usize = 0;
    for (let size: usize = 8; size < 20000; size += 40) {
      const block = take(size);
      store<usize>(block, list);
      list = block;
    }
    while (list != 0) {
      const next = load<usize>(list);
      give(list);
      list = next;
    }
    if (round == 9) after = mallocHeapBytes();
  }
  assert(mallocHeapBytes() == after, 'the heap does not grow');
}

/** A CPU keeps what fits its limit; drained it keeps nothing. */
function cpus(): void {
  const cpu = rseq.cpuId();
  const before = mallocUnderflows(cpu) + mallocOverflows(cpu);
  assert(before > 0 && mallocCachedBytes(cpu) > 0, 'misses are counted, and blocks kept');
  for (let n = 0; n < nrCpus(); n++) mallocDrain(n);
  assert(mallocCachedBytes(cpu) == 0, 'a drained CPU has nothing');
  mallocSetCacheLimit(1000);
  for (let n = 0; n < 100; n++) {
    give(take(64));
    assert(mallocCachedBytes(rseq.cpuId()) <= 1000, 'no more than the limit');
  }
  mallocSetCacheLimit(usize.MAX_VALUE);
}

function nothing(): void {
  give(0);
  const empty = take(0);
  assert(empty != 0 && mallocUsableSize(empty) > 0, 'of no bytes is a block too');
  give(empty);
  assert(take(usize.MAX_VALUE) == 0 && realloc(0, usize.MAX_VALUE) == 0, 'too much is 0');
  const block = take(100);
  store<u8>(block, 7);
  assert(realloc(block, usize.MAX_VALUE) == 0 && load<u8>(block) == 7, 'and a block stays');
  give(block);
}

export function hammer(): i32 {
  rounds = times();
  for (let n: usize = 0; n < SHARED; n++) store<usize>(shared + n * 4, made(n, n));
  runThreads(allocate);
  for (let n: usize = 0; n < SHARED; n++) release(load<usize>(shared + n * 4));
  return 0;
}

/** Makes blocks and gives each away for one that it frees. */
function allocate(thread: usize): i32 {
  for (let n: usize = 0; n < <usize>rounds; n++) {
    const block = made(thread * 7 + n, n);
    const slot = shared + ((thread + n) % SHARED) * 4;
    release(atomic.xchg<usize>(slot, block));
  }
  return 0;
}

/** size: u32 │ seed: u32 │ bytes that depend on the seed. */
function made(seed: usize, n: usize): usize {
  const size: usize = 16 + (seed % 3) * 24 + (n % 16 == 15 ? 3000 : 0);
  const block = take(size);
  assert(block != 0, 'no memory');
  store<u32>(block, <u32>size);
  store<u32>(block, <u32>seed, 4);
  for (let at: usize = 8; at < size; at += 8) store<u64>(block + at, <u64>seed * 0x01010101);
  return block;
}

function release(block: usize): void {
  const size = <usize>load<u32>(block);
  const seed = load<u32>(block, 4);
  assert(size >= 16 && size < 4000, 'a block is not its own');
  for (let at: usize = 8; at < size; at += 8) {
    assert(load<u64>(block + at) == <u64>seed * 0x01010101, 'bytes of another');
  }
  give(block);
}
