// @ts-nocheck AssemblyScript
// Meant: a section counts; what it notes about itself comes behind end().
// Invariant: the count is the number of increments.
// Mistake: end() stands behind a store that follows the commit. A thread that is preempted between
// the two has counted already; it is sent back all the same and counts twice.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 count, i32 who counted last, a hint. */
const COUNT: usize = memory.data(8, 8);

function increment(me: usize): i32 {
  rseq.restart();
  rseq.start();
  store<i32>(COUNT, load<i32>(COUNT) + 1);
  store<i32>(COUNT, <i32>me, 4);
  rseq.end();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(increment, 2);
  increment(1);
  join(tid);
  assert(load<i32>(COUNT) == 2, 'an increment happened twice');
  return 0;
}
