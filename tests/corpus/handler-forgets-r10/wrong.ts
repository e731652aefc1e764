// @ts-nocheck AssemblyScript
// Meant: a thread reserves a token, and a section spends it. An interrupted try gives its token
// back: restart() tells.
// Invariant: tokens left and tokens spent are two together.
// Mistake: the value of restart() is not looked at. A thread reserves, is preempted in the section,
// and reserves a second token for the one that it spends.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

const TOKENS: usize = memory.data(4, 4);
const SPENT: usize = memory.data(4, 4);

function spend(_unused: usize): i32 {
  rseq.restart();
  atomic.sub<i32>(TOKENS, 1);
  rseq.start();
  store<i32>(SPENT, load<i32>(SPENT) + 1);
  rseq.end();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<i32>(TOKENS, 2);
  const tid = spawn(spend, 0);
  spend(0);
  join(tid);
  assert(load<i32>(TOKENS) + load<i32>(SPENT) == 2, 'a token is lost');
  return 0;
}
