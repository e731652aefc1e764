// @ts-nocheck AssemblyScript
// Right: a section moves one from a number to another. Both lie in one word, so that one store
// commits.
// Invariant: after two moves both numbers are 2.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 from, i32 to. */
const PAIR: usize = memory.data(8, 8);
const MOVE_ONE: u64 = (1 << 32) - 1;

function move(_unused: usize): i32 {
  rseq.restart();
  rseq.start();
  store<u64>(PAIR, load<u64>(PAIR) + MOVE_ONE);
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
