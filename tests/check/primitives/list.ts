// @ts-nocheck AssemblyScript
// The list: one thread takes a node and keeps it; another one takes two and puts the first back, which is the
// ABA that a pop must notice; the third takes all there are, and its handler one.
// Invariant: every node is kept by one thread, or in one list, once.

import { rseq } from 'wasm-rseq/assembly';
import {
  LIST_STRIDE,
  listCreate,
  listPop,
  listPopAll,
  listPush,
} from 'wasm-rseq/assembly/percpu/list';
import { runThreads } from './threads';

const NODE_BYTES: usize = 8;
const FOUND: usize = 4;

const nodes: usize = memory.data(2 * 8, 8);
/** Behind the threads. */
const HANDLER: usize = 3;
/** What each thread, and the handler, has kept. */
const kept: usize = memory.data(4 * 4);
let list: usize = 0;

function pop(): usize {
  return listPop(list);
}

function push(node: usize): void {
  listPush(list, node);
}

function work(argument: usize): i32 {
  if (argument == 1) return keep(argument, listPopAll(list));
  const first = pop();
  if (argument == 0 || first == 0) return keep(argument, first);
  const second = pop();
  if (second == 0) return keep(argument, first);
  push(first);
  return keep(argument, second);
}

function keep(keeper: usize, node: usize): i32 {
  store<usize>(kept + keeper * 4, node);
  return 0;
}

function onSignal(_signo: i32): void {
  keep(HANDLER, pop());
}

function findAll(first: usize): void {
  for (let node = first; node != 0; node = load<usize>(node)) find(node);
}

function find(node: usize): void {
  assert(node >= nodes && node < nodes + 2 * NODE_BYTES, 'no node');
  assert(load<i32>(node, FOUND) == 0, 'a node is there twice');
  store<i32>(node, 1, FOUND);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  list = listCreate();
  // Whichever CPU it is on.
  for (let cpu: usize = 0; cpu < 2; cpu++) store<usize>(list + cpu * LIST_STRIDE, nodes);
  assert(pop() == nodes, 'a node is popped');
  memory.fill(list, 0, 2 * LIST_STRIDE);
  push(nodes);
  push(nodes + NODE_BYTES);
  runThreads(work, onSignal);
  for (let keeper: usize = 0; keeper <= HANDLER; keeper++) {
    const node = load<usize>(kept + keeper * 4);
    // A node that was popped alone still has its next.
    if (keeper == 1) findAll(node);
    else if (node != 0) find(node);
  }
  for (let cpu: usize = 0; cpu < 2; cpu++) findAll(load<usize>(list + cpu * LIST_STRIDE));
  for (let n: usize = 0; n < 2; n++) {
    assert(load<i32>(nodes + n * NODE_BYTES, FOUND) == 1, 'a node is lost');
  }
  return 0;
}
