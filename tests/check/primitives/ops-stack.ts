// @ts-nocheck AssemblyScript
// librseq's two stores, and its comparison of two words: the stack of CPU 0, for which threads that are elsewhere
// wait. On it is item 1. One thread takes that; another one takes it too, and puts item 2 in its place, in release
// order; the third puts item 3 on top, or a handler, which tries once, item 4.
// Invariant: item 1 was taken once or is there; what was put is there, and nothing else.

import { rseq } from 'wasm-rseq/assembly';
import {
  loadCbneLoadCbneStore,
  loadCbneStoreStore,
  MemoryOrder,
  PercpuMode,
} from 'wasm-rseq/assembly/percpu/ops';
import { runThreads } from './threads';

/** The count of the items, and behind it the items. */
const stack: usize = memory.data(12);
/** By item: was it taken, was it put? */
const taken: usize = memory.data(4);
const isPut: usize = memory.data(5);

/** At `n` items, `item` on top of them. */
function tryPush(n: usize, item: usize, order: MemoryOrder): i32 {
  const place = stack + 4 + n * 4;
  const result = loadCbneStoreStore(order, PercpuMode.CpuId, stack, n, place, item, n + 1, 0);
  if (result == 0) store<u8>(isPut + item, 1);
  return result;
}

function push(n: usize, item: usize, order: MemoryOrder): void {
  while (tryPush(n, item, order) < 0) {}
}

/** Item 1, if there is no other. */
function pop(): bool {
  let result: i32;
  do result = tryPop();
  while (result < 0);
  if (result == 0) atomic.add<i32>(taken, 1);
  return result == 0;
}

function tryPop(): i32 {
  const mode = PercpuMode.CpuId;
  return loadCbneLoadCbneStore(MemoryOrder.Relaxed, mode, stack, 1, stack + 4, 1, 0, 0);
}

function work(argument: usize): i32 {
  if (argument == 1) push(1, 3, MemoryOrder.Relaxed);
  else if (pop() && argument == 2) push(0, 2, MemoryOrder.Release);
  return 0;
}

function onSignal(_signo: i32): void {
  tryPush(1, 4, MemoryOrder.Relaxed);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  assert(tryPush(0, 1, MemoryOrder.Acquire) == -1, 'there is no such order');
  store<usize>(stack, 1);
  store<usize>(stack, 1, 4);
  runThreads(work, onSignal);
  const first = load<i32>(taken) == 0 ? 1 : load<u8>(isPut + 2) != 0 ? 2 : 0;
  const top = load<u8>(isPut + 3) != 0 ? 3 : load<u8>(isPut + 4) != 0 ? 4 : 0;
  assert(load<i32>(taken) <= 1, 'item 1 was taken twice');
  assert(load<u8>(isPut + 3) + load<u8>(isPut + 4) <= 1, 'two were put on top');
  assert(top == 0 || first != 0, 'on top of nothing');
  assert(load<i32>(stack) == <i32>(first != 0) + <i32>(top != 0), 'too many, or too few');
  assert(first == 0 || load<i32>(stack, 4) == first, 'another item');
  assert(top == 0 || load<i32>(stack, 8) == top, 'another item on top');
  return 0;
}
