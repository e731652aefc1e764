// @ts-nocheck AssemblyScript
// Meant: a thread leaves its value in the box of its CPU if that is empty, in a section, and else
// keeps it.
// Invariant: every value is in a box or kept, once.
// Mistake: no section between the index and the store. A thread finds the box of CPU 0 empty and is
// moved to CPU 1; the other leaves its value on CPU 0; the first stores to the box of the CPU it
// was on, over that value.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** A box for each CPU, 64 bytes apart; 0: empty. */
const BOXES: usize = memory.data(128, 64);

/** Returns what is kept: the value, or 0. */
function leave(value: usize): i32 {
  let found = 0;
  const box = BOXES + <usize>rseq.cpuId() * 64;
  found = load<i32>(box);
  if (found == 0) store<i32>(box, <i32>value);
  return found == 0 ? 0 : <i32>value;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(leave, 1);
  let sum = leave(2);
  sum += join(tid);
  sum += load<i32>(BOXES) + load<i32>(BOXES, 64);
  assert(sum == 3, 'a value was written over');
  return 0;
}
