// @ts-nocheck AssemblyScript
// Meant: a section posts a letter in the box of its only CPU: the text first, the flag last.
// Invariant: who sees the flag sees the text.
// Mistake: the flag is stored first. The poster is preempted between the two stores; the reader
// finds the flag and an empty text.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 flag, i32 text. */
const BOX: usize = memory.data(8, 8);

function post(_unused: usize): i32 {
  rseq.restart();
  rseq.start();
  store<i32>(BOX, 1);
  store<i32>(BOX, 42, 4);
  rseq.end();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(post, 0);
  if (atomic.load<i32>(BOX) == 1) {
    assert(atomic.load<i32>(BOX, 4) == 42, 'published before it was written');
  }
  join(tid);
  assert(load<i32>(BOX) == 1 && load<i32>(BOX, 4) == 42, 'the letter is gone');
  return 0;
}
