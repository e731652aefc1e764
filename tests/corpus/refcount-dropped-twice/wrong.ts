// @ts-nocheck AssemblyScript
// Meant: two holders drop their references in a section; who makes the count 0 frees.
// Invariant: the object is freed once, and not while somebody holds it.
// Mistake: who finds the count 0 afterwards frees. Both drop, then both look: each finds 0 and
// frees.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

const REFERENCES: usize = memory.data(4, 4);
const FREED: usize = memory.data(4, 4);

function free(): void {
  assert(atomic.load<i32>(REFERENCES) == 0, 'freed while it is held');
  atomic.add<i32>(FREED, 1);
}

function drop(_unused: usize): i32 {
  let left = 0;
  rseq.restart();
  rseq.start();
  left = load<i32>(REFERENCES) - 1;
  store<i32>(REFERENCES, left);
  rseq.end();
  left = load<i32>(REFERENCES);
  if (left == 0) free();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<i32>(REFERENCES, 2);
  const tid = spawn(drop, 0);
  drop(0);
  join(tid);
  assert(load<i32>(FREED) == 1, 'freed twice');
  return 0;
}
