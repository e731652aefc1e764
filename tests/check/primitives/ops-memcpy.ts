// @ts-nocheck AssemblyScript
// librseq's copy and store, on an array of items of CPU 0, for which threads that are elsewhere wait: two threads,
// one of them in release order, put one item each behind the last; a handler tries once to put one in front.
// Invariant: every item that was put is there once, all of it, and no byte more.

import { rseq } from 'wasm-rseq/assembly';
import { loadCbneMemcpyStore, MemoryOrder, PercpuMode } from 'wasm-rseq/assembly/percpu/ops';
import { runThreads } from './threads';

/** A word of 8 bytes, and one byte; and what is less than a word. */
const LENGTH: usize = 9;
const SHORT: usize = 3;

const PLACE_BYTES: usize = 16;

/** How many items there are, and room for them. */
const count: usize = memory.data(4);
const places: usize = memory.data(4 * 16, 8);
/** What each thread, and the handler, puts: its number, which is not 0, in all bytes. */
const items: usize = memory.data(4 * 16, 8);
/** Behind the threads. */
const HANDLER: usize = 3;
let handled: i32 = 0;

function put(n: usize, by: usize, length: usize, order: MemoryOrder, cpu: i32): i32 {
  return copy(n, places + n * PLACE_BYTES, by, length, order, cpu);
}

function copy(n: usize, to: usize, by: usize, length: usize, order: MemoryOrder, cpu: i32): i32 {
  const from = items + by * PLACE_BYTES;
  return loadCbneMemcpyStore(order, PercpuMode.CpuId, count, n, to, from, length, n + 1, cpu);
}

function work(argument: usize): i32 {
  if (argument == 0) return 0;
  const order = argument == 1 ? MemoryOrder.Relaxed : MemoryOrder.Release;
  while (put(load<usize>(count), argument, LENGTH, order, 0) != 0) {}
  return 0;
}

function onSignal(_signo: i32): void {
  if (put(0, HANDLER, SHORT, MemoryOrder.Relaxed, 0) == 0) handled = 1;
}

function ownerOf(place: usize): i32 {
  const by = load<u8>(place);
  const length = by == HANDLER ? SHORT : LENGTH;
  for (let n: usize = 1; n < length; n++) assert(load<u8>(place + n) == by, 'of two');
  assert(load<u8>(place + LENGTH) == 0, 'a byte more');
  return by;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  for (let n: usize = 1; n <= HANDLER; n++)
    memory.fill(items + n * PLACE_BYTES, <u8>n, PLACE_BYTES);
  assert(put(0, 1, LENGTH, MemoryOrder.Relaxed, 2) == -1, 'there is no such CPU');
  // At the end of the memory: much more would be a trap.
  const end = (<usize>memory.size()) << 16;
  while (copy(0, end - 8, 1, SHORT, MemoryOrder.Relaxed, 0) != 0) {}
  store<usize>(count, 0);
  runThreads(work, onSignal);
  assert(load<i32>(count) == 2 + handled, 'an item was lost');
  let owners = 0;
  for (let n: usize = 0; n < load<usize>(count); n++)
    owners |= 1 << ownerOf(places + n * PLACE_BYTES);
  assert(owners == 6 + 8 * handled, 'one is there twice');
  return 0;
}
