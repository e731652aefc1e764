// @ts-nocheck AssemblyScript
// Meant: an array of free objects, popped and pushed in sections; pop reads its slot before the
// count commits.
// Invariant: every object is free or in a hand, once.
// Mistake: pop reads the slot behind the section. One thread pops, the count is stored; the other
// pushes its own object into that very slot; the first reads it: two have it, nobody has the one
// that was there.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 count, i32 objects[2]. */
const SLAB: usize = memory.data(12, 4);

function push(object: i32): void {
  rseq.restart();
  rseq.start();
  const count = load<i32>(SLAB);
  store<i32>(SLAB + <usize>count * 4, object, 4);
  store<i32>(SLAB, count + 1);
  rseq.end();
}

/** Preconditions: there is one. */
function pop(_unused: usize): i32 {
  let object = 0;
  let count = 0;
  rseq.restart();
  rseq.start();
  count = load<i32>(SLAB) - 1;
  store<i32>(SLAB, count);
  rseq.end();
  object = load<i32>(SLAB + <usize>count * 4, 4);
  return object;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  push(1);
  const tid = spawn(pop, 0);
  push(2);
  const popped = join(tid);
  assert(load<i32>(SLAB) == 1, 'an object was lost');
  assert(popped + load<i32>(SLAB, 4) == 3, 'an object was handed out twice');
  return 0;
}
