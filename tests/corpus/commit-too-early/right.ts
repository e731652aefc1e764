// @ts-nocheck AssemblyScript
// Right: a section posts a letter in the box of its only CPU, if that is empty: the text first, the
// flag last.
// Invariant: who sees the flag sees the text, and that is of the one letter that was posted.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 flag, i32 text. */
const BOX: usize = memory.data(8, 8);

/** Returns what is posted: the text, or 0. */
function post(text: usize): i32 {
  let found = 0;
  rseq.restart();
  rseq.start();
  found = load<i32>(BOX);
  if (found == 0) {
    store<i32>(BOX, <i32>text, 4);
    store<i32>(BOX, 1);
  }
  rseq.end();
  return found == 0 ? <i32>text : 0;
}

function work(text: usize): i32 {
  const posted = post(text);
  if (posted == 0) assert(atomic.load<i32>(BOX, 4) != 0, 'published before it was written');
  return posted;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(work, 1);
  let posted = work(2);
  posted += join(tid);
  assert(load<i32>(BOX) == 1 && load<i32>(BOX, 4) == posted, 'the letter is gone');
  return 0;
}
