// @ts-nocheck AssemblyScript
// Meant: two threads take from a box in a section; every try forgets what the one before it has
// seen.
// Invariant: the value is taken once.
// Mistake: the result is cleared in front of restart(). A thread loads 7 and is preempted before
// the commit; the other takes 7; the first is sent back, finds the box empty and returns the 7 of
// its first try.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 whether it is full, i32 value. */
const BOX: usize = memory.data(8, 8);

/** 0: the box is empty. */
function take(_unused: usize): i32 {
  let value = 0;
  rseq.restart();
  rseq.start();
  if (load<i32>(BOX) != 0) {
    value = load<i32>(BOX, 4);
    store<i32>(BOX, 0);
  }
  rseq.end();
  return value;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<i32>(BOX, 1);
  store<i32>(BOX, 7, 4);
  const tid = spawn(take, 0);
  const taken = take(0);
  assert(taken + join(tid) == 7, 'a value was taken twice');
  return 0;
}
