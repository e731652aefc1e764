// === treiber: three threads push a node each on Treiber's stack, and pop one ======================
//
//   head ──► ┌ u32 next ┬ i32 found ┐ ──► ...      nodes in static memory, pushed once: there is no ABA
//
// What holds under every interleaving: each node is popped once, and the stack is empty at the end.

import { join, spawn } from '../../../assembly';

const THREADS: i32 = 3;
const HEAD: usize = memory.data(4, 4);
const NODES: usize = memory.data(24, 8);
const NODE_BYTES: usize = 8;
const FOUND: usize = 4;
const TIDS: usize = memory.data(12, 4);

function push(node: u32): void {
  let head: u32;
  do {
    head = atomic.load<u32>(HEAD);
    store<u32>(node, head);
  } while (atomic.cmpxchg<u32>(HEAD, head, node) != head);
}

/** 0 when there is none. */
function pop(): u32 {
  while (true) {
    const head = atomic.load<u32>(HEAD);
    if (head == 0) return 0;
    if (atomic.cmpxchg<u32>(HEAD, head, load<u32>(head)) == head) return head;
  }
}

/** Returns the node that was popped. */
function pushAndPop(node: usize): i32 {
  push(node);
  return pop();
}

function find(node: usize): void {
  assert(node != 0, 'a stack with a node on it was empty');
  assert(load<i32>(node, FOUND) == 0, 'a node was popped twice');
  store<i32>(node, 1, FOUND);
}

export function main(): i32 {
  for (let i = 1; i < THREADS; i++) {
    store<i32>(TIDS + i * 4, spawn(pushAndPop, NODES + i * NODE_BYTES));
  }
  find(pushAndPop(NODES));
  for (let i = 1; i < THREADS; i++) find(join(load<i32>(TIDS + i * 4)));
  assert(load<u32>(HEAD) == 0, 'a node was lost');
  return 0;
}
