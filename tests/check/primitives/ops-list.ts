// @ts-nocheck AssemblyScript
// librseq's compare and store, and its pop, on the list of CPU 0, for which threads that are elsewhere wait: one
// thread takes a node and puts it back, while another one puts one: the ABA that the third must notice, which tries
// once to take one and keep it, as does a handler.
// Invariant: every node is kept by one thread, or in the list, once.

import { rseq } from 'wasm-rseq/assembly';
import {
  loadCbeqStoreAddLoadStore,
  loadCbneStore,
  MemoryOrder,
  PercpuMode,
} from 'wasm-rseq/assembly/percpu/ops';
import { runThreads } from './threads';

const NODE_BYTES: usize = 12;
// A node begins with something else.
const NEXT: usize = 4;
const FOUND: usize = 8;
/** One that is there at the beginning, and one of a thread. */
const NODES: usize = 2;
/** Behind the threads. */
const HANDLER: usize = 3;

const nodes: usize = memory.data(2 * 12, 4);
/** What each thread, and the handler, has kept; popped to here. */
const kept: usize = memory.data(4 * 4);
const head: usize = memory.data(4);

function push(node: usize): void {
  let result: i32;
  do {
    const first = load<usize>(head);
    store<usize>(node, first, NEXT);
    result = loadCbneStore(MemoryOrder.Relaxed, PercpuMode.CpuId, head, first, node, 0);
  } while (result != 0);
}

function tryPop(found: usize): i32 {
  return loadCbeqStoreAddLoadStore(MemoryOrder.Relaxed, PercpuMode.CpuId, head, 0, NEXT, found, 0);
}

function pop(found: usize): bool {
  let result: i32;
  do result = tryPop(found);
  while (result < 0);
  if (result != 0) store<usize>(found, 0);
  return result == 0;
}

function work(argument: usize): i32 {
  const found = kept + argument * 4;
  if (argument == 0) tryToKeep(found);
  else if (argument == 1) push(nodes + NODE_BYTES);
  else if (pop(found)) {
    push(load<usize>(found));
    store<usize>(found, 0);
  }
  return 0;
}

function tryToKeep(found: usize): void {
  // An aborted try may have stored what it had found.
  if (tryPop(found) != 0) store<usize>(found, 0);
}

function onSignal(_signo: i32): void {
  tryToKeep(kept + HANDLER * 4);
}

function find(node: usize): void {
  assert(node >= nodes && node < nodes + NODES * NODE_BYTES, 'no node');
  assert(load<i32>(node, FOUND) == 0, 'a node is there twice');
  store<i32>(node, 1, FOUND);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  push(nodes);
  assert(pop(kept), 'a node is popped');
  store<usize>(kept, 0);
  push(nodes);
  runThreads(work, onSignal);
  for (let keeper: usize = 0; keeper <= HANDLER; keeper++) {
    if (load<usize>(kept + keeper * 4) != 0) find(load<usize>(kept + keeper * 4));
  }
  for (let node = load<usize>(head); node != 0; node = load<usize>(node, NEXT)) find(node);
  for (let n: usize = 0; n < NODES; n++) {
    assert(load<i32>(nodes + n * NODE_BYTES, FOUND) == 1, 'a node is lost');
  }
  return 0;
}
