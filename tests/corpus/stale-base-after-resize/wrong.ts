// @ts-nocheck AssemblyScript
// Meant: a per-CPU array is replaced by a larger one; sections load the base, and a fence ends
// those that have the old one.
// Invariant: after the fence nobody counts in the old array.
// Mistake: the base is loaded in front of restart(). The thread has the old base; the array is
// replaced, the fence sends the thread back, and it counts in the old array, whose counts have been
// moved.

import { join, membarrier, MembarrierCommand, rseq, spawn } from 'wasm-rseq/assembly';

/** usize address of the array in force. */
const BASE: usize = memory.data(4, 4);
/** The arrays: a count for each CPU, 4 bytes and 8 bytes apart; the stride is in front of the counts. */
const OLD: usize = memory.data(12, 4);
const NEW: usize = memory.data(20, 4);

function increment(_unused: usize): i32 {
  const base = load<usize>(BASE);
  rseq.restart();
  rseq.start();
  const slot = base + 4 + <usize>rseq.cpuId() * load<usize>(base);
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  assert(membarrier(MembarrierCommand.RegisterPrivateExpeditedRseq, 0, 0) == 0, 'no fence');
  store<usize>(OLD, 4);
  store<usize>(NEW, 8);
  store<usize>(BASE, OLD);
  const tid = spawn(increment, 0);
  atomic.store<usize>(BASE, NEW);
  membarrier(MembarrierCommand.PrivateExpeditedRseq, 0, 0);
  const moved = atomic.load<i32>(OLD, 4) + atomic.load<i32>(OLD, 8);
  join(tid);
  assert(moved + load<i32>(NEW, 4) + load<i32>(NEW, 12) == 1, 'counted in the old array');
  return 0;
}
