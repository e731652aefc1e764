// @ts-nocheck AssemblyScript
// librseq's additions: one thread counts in a word of whatever CPU it is on, and a handler tries to, for CPU 0. One
// counts where CPU 0's pointers lead to; another thread exchanges the first of them, and tries to count there.
// Invariant: nobody counts what another has counted; who was told no has not counted; and nobody counts in what was
// exchanged any more.

import { rseq } from 'wasm-rseq/assembly';
import {
  loadAddLoadLoadAddStore,
  loadAddStore,
  MemoryOrder,
  PercpuMode,
  percpuIndex,
} from 'wasm-rseq/assembly/percpu/ops';
import { runThreads } from './threads';

const STRIDE: usize = 64;
/** Where a set has the pointer to its count, and the count. */
const COUNTER: usize = 4;
const COUNT: usize = 8;
const NONE: i32 = 2;

/** Of each CPU, its count. */
const counts: usize = memory.data(3 * 64, 64);
/** CPU 0's pointer to one of two sets. */
const active: usize = memory.data(4);
const first: usize = memory.data(12);
const second: usize = memory.data(12);
/** Counts of those who tried, by word: of the CPUs, of the sets. */
const tried: usize = memory.data(4);
const triedBehind: usize = memory.data(4);
/** What the first set has when it is not active any more. */
let left: i32 = 0;

function add(cpu: i32): i32 {
  const count = counts + <usize>cpu * STRIDE;
  return loadAddStore(MemoryOrder.Relaxed, PercpuMode.CpuId, count, 1, cpu);
}

function addBehind(cpu: i32): i32 {
  const mode = PercpuMode.CpuId;
  return loadAddLoadLoadAddStore(MemoryOrder.Relaxed, mode, active, COUNTER, 1, cpu);
}

/** On CPU 0: nothing goes on there that has begun before. */
function exchange(): void {
  const mode = PercpuMode.CpuId;
  while (loadAddStore(MemoryOrder.Relaxed, mode, active, second - first, 0) != 0) {}
  left = load<i32>(first, COUNT);
}

function work(argument: usize): i32 {
  if (argument == 0) {
    while (add(percpuIndex(PercpuMode.CpuId)) != 0) {}
  } else if (argument == 1) {
    while (addBehind(0) != 0) {}
  } else {
    exchange();
    if (addBehind(0) == 0) store<i32>(triedBehind, 1);
  }
  return 0;
}

function onSignal(_signo: i32): void {
  if (add(0) == 0) store<i32>(tried, 1);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  assert(loadAddStore(MemoryOrder.Release, PercpuMode.CpuId, counts, 1, 0) == -1, 'no such order');
  assert(loadAddStore(MemoryOrder.Relaxed, PercpuMode.MmCid, counts, 1, 0) == -1, 'no such mode');
  store<usize>(first, first + COUNT, COUNTER);
  store<usize>(second, second + COUNT, COUNTER);
  store<usize>(active, first);
  assert(add(NONE) == -1 && addBehind(NONE) == -1, 'there is no such CPU');
  runThreads(work, onSignal);
  const sum = load<i32>(counts) + load<i32>(counts, STRIDE);
  assert(sum == 1 + load<i32>(tried), 'the sum is not exact');
  const behind = load<i32>(first, COUNT) + load<i32>(second, COUNT);
  assert(behind == 1 + load<i32>(triedBehind), 'the sum behind the pointers is not exact');
  assert(load<i32>(first, COUNT) == left, 'counted in what was exchanged');
  return 0;
}
