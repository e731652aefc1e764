// @ts-nocheck AssemblyScript
// Meant: a section moves one from a number to another. Both lie in one word, so that one store
// commits.
// Invariant: after two moves both numbers are 2.
// Mistake: two stores, which must both be or none. A thread that is preempted between them has
// taken one away; it is sent back and takes another.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 from, i32 to. */
const PAIR: usize = memory.data(8, 8);

function move(_unused: usize): i32 {
  rseq.restart();
  rseq.start();
  store<i32>(PAIR, load<i32>(PAIR) - 1);
  store<i32>(PAIR, load<i32>(PAIR, 4) + 1, 4);
  rseq.end();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<i32>(PAIR, 4);
  const tid = spawn(move, 0);
  move(0);
  join(tid);
  assert(load<i32>(PAIR) == 2 && load<i32>(PAIR, 4) == 2, 'half a move was done');
  return 0;
}
