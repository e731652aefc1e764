// @ts-nocheck AssemblyScript
// librseq's comparisons of words of CPU 0, for which threads that are elsewhere wait: one thread counts, and the
// handler of another one tries to; of two threads, each says yes in its word if the other has said nothing, one
// of them again if it has said so.
// Invariant: nobody counts what another has counted, and one of the two has said yes, once.

import { rseq } from 'wasm-rseq/assembly';
import {
  loadCbneLoadCbneStore,
  loadCbneStore,
  MemoryOrder,
  PercpuMode,
} from 'wasm-rseq/assembly/percpu/ops';
import { runThreads } from './threads';

const count: usize = memory.data(4);
/** What each of the two has said. */
const first: usize = memory.data(4);
const second: usize = memory.data(4);
let counted: i32 = 0;
let said: i32 = 0;

function tryToCount(n: usize): i32 {
  return loadCbneStore(MemoryOrder.Relaxed, PercpuMode.CpuId, count, n, n + 1, 0);
}

function sayYes(mine: usize, other: usize): i32 {
  let result: i32;
  do {
    result = loadCbneLoadCbneStore(MemoryOrder.Relaxed, PercpuMode.CpuId, mine, 0, other, 0, 1, 0);
  } while (result < 0);
  return result;
}

function work(argument: usize): i32 {
  if (argument == 0) {
    while (tryToCount(load<usize>(count)) != 0) {}
  } else if (argument == 2) {
    if (sayYes(second, first) == 0) said += 2;
  } else if (sayYes(first, second) == 0) {
    said++;
    assert(sayYes(first, second) == 1, 'said twice');
  }
  return 0;
}

function onSignal(_signo: i32): void {
  if (tryToCount(0) == 0) counted = 1;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  runThreads(work, onSignal);
  assert(load<i32>(count) == 1 + counted, 'the count is not exact');
  assert(load<i32>(first) + 2 * load<i32>(second) == said, 'who has said yes does not know');
  assert(said == 1 || said == 2, 'not one of the two has said yes');
  return 0;
}
