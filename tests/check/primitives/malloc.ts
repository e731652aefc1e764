// @ts-nocheck AssemblyScript
// malloc: two threads get a block each, wherever they are, while main frees one; the CPUs have blocks at hand. The
// handler allocates nothing: it might interrupt the owner of the lock.
// Invariant: nobody gets a block that another one has.

import { rseq, schedSetaffinity } from 'wasm-rseq/assembly';
import { free, malloc } from 'wasm-rseq/assembly/percpu/malloc';
import { TCB_ROOM } from 'wasm-rseq/assembly/tcb';
import { runThreads } from './threads';

/** Of each thread, 64 bytes apart. */
const MASKS: usize = memory.data(3 * 64, 64);
const BLOCKS: usize = memory.data(3 * 4, 4);

function take(): usize {
  return malloc(8);
}

function give(block: usize): void {
  free(block);
}

function runOn(thread: usize, cpus: i32): void {
  store<i32>(MASKS + thread * 64, cpus);
  schedSetaffinity(0, 4, MASKS + thread * 64);
}

function use(thread: usize): i32 {
  runOn(thread, 3);
  if (thread == 0) {
    give(load<usize>(BLOCKS));
    return 0;
  }
  store<usize>(BLOCKS + thread * 4, take());
  return 0;
}

function onSignal(_signo: i32): void {}

/** Blocks for each CPU's slab, and what spawn allocates. main stays on CPU 0 until it has spawned. */
function warmUp(): void {
  for (let cpu = 1; cpu >= 0; cpu--) {
    runOn(0, 1 << cpu);
    give(take());
    heap.free(heap.alloc(TCB_ROOM));
  }
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  warmUp();
  const kept = take();
  store<usize>(BLOCKS, take());
  runThreads(use, onSignal);
  const first = load<usize>(BLOCKS, 4);
  const second = load<usize>(BLOCKS, 8);
  assert(first != 0 && second != 0, 'no block');
  assert(first != second && first != kept && second != kept, 'a block has two owners');
  return 0;
}
