// @ts-nocheck AssemblyScript
// Right: a section pops a node: it loads head and next itself.
// Invariant: no node is in two hands, or in a hand and on the list.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** usize head. */
const HEAD: usize = memory.data(4, 4);
/** Three nodes: usize next, i32 whether it has been found. */
const NODES: usize = memory.data(24, 8);

function push(node: usize): void {
  rseq.restart();
  rseq.start();
  store<usize>(node, load<usize>(HEAD));
  store<usize>(HEAD, node);
  rseq.end();
}

/** 0: the list is empty. */
function pop(_unused: usize): i32 {
  let node: usize = 0;
  rseq.restart();
  rseq.start();
  node = load<usize>(HEAD);
  if (node != 0) store<usize>(HEAD, load<usize>(node));
  rseq.end();
  return <i32>node;
}

function find(node: usize): void {
  if (node == 0) return;
  assert(load<i32>(node, 4) == 0, 'a node is in two places');
  store<i32>(node, 1, 4);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  store<usize>(NODES, NODES + 8);
  store<usize>(NODES + 8, NODES + 16);
  store<usize>(HEAD, NODES);
  const tid = spawn(pop, 0);
  const first = <usize>pop(0);
  const second = <usize>pop(0);
  if (first != 0) push(first);
  find(second);
  find(<usize>join(tid));
  for (let node = load<usize>(HEAD); node != 0; node = load<usize>(node)) find(node);
  return 0;
}
