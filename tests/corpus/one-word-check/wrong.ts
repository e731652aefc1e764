// @ts-nocheck AssemblyScript
// Meant: pop looks at count and top outside; a section compares both and stores the count.
// Invariant: every item is on the stack or in a hand, once.
// Mistake: the section compares the count only. One thread has seen count 2 and item 2; the other
// pops item 2 and pushes item 4; the count is 2 again, so the first takes item 2 as well, and item
// 4 is lost.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 count, i32 items[3]; the top of `count` items is at STACK + count * 4. */
const STACK: usize = memory.data(16, 4);

function push(item: i32): void {
  rseq.restart();
  rseq.start();
  const count = load<i32>(STACK);
  store<i32>(STACK + <usize>count * 4, item, 4);
  store<i32>(STACK, count + 1);
  rseq.end();
}

/** 0: the stack is empty. */
function pop(_unused: usize): i32 {
  let isTaken = false;
  let item = 0;
  while (!isTaken) {
    const count = load<i32>(STACK);
    if (count == 0) return 0;
    const top = STACK + <usize>count * 4;
    item = load<i32>(top);
    rseq.restart();
    rseq.start();
    isTaken = load<i32>(STACK) == count;
    if (isTaken) store<i32>(STACK, count - 1);
    rseq.end();
  }
  return item;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  push(1);
  push(2);
  const tid = spawn(pop, 0);
  let sum = pop(0);
  assert(sum != 0, 'the stack was not empty');
  push(4);
  sum += join(tid);
  for (let count = load<i32>(STACK); count > 0; count--) sum += load<i32>(STACK + <usize>count * 4);
  assert(sum == 7, 'an item was taken twice');
  return 0;
}
