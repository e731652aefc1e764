// @ts-nocheck AssemblyScript
// Right: two threads take from a box in a section; every try forgets what the one before it has
// seen.
// Invariant: the value is taken once.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 whether it is full, i32 value. */
const BOX: usize = memory.data(8, 8);

/** 0: the box is empty. */
function take(_unused: usize): i32 {
  let value = 0;
  rseq.restart();
  value = 0;
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
