// @ts-nocheck AssemblyScript
// malloc: two threads get a block of whatever CPU they are on, a third one frees one. Every CPU has blocks at
// hand. The handler allocates nothing: it might interrupt the owner of the lock.
// Invariant: nobody gets a block that another one has.

import { rseq, schedSetaffinity } from 'wasm-rseq/assembly';
import { free, malloc } from 'wasm-rseq/assembly/percpu/malloc';
import { runThreads } from './threads';

const MASK: usize = memory.data(4, 4);
/** Of each thread. */
const BLOCKS: usize = memory.data(3 * 4, 4);

function take(): usize {
  return malloc(8);
}

function give(block: usize): void {
  free(block);
}

function use(thread: usize): i32 {
  if (thread == 0) give(load<usize>(BLOCKS));
  else store<usize>(BLOCKS + thread * 4, take());
  return 0;
}

function onSignal(_signo: i32): void {}

function runOn(cpus: i32): void {
  store<i32>(MASK, cpus);
  schedSetaffinity(0, 4, MASK);
}

/** A block for each CPU's slab. */
function warmUp(): void {
  for (let cpu = 0; cpu < 2; cpu++) {
    runOn(1 << cpu);
    give(take());
  }
  runOn(3);
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
