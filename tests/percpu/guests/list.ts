// @ts-nocheck AssemblyScript
// The list. What is conserved: every node is in one list, once.

import { nrCpus, nrThreads, schedYield } from 'wasm-rseq/assembly';
import {
  LIST_STRIDE,
  listCreate,
  listPop,
  listPopAll,
  listPush,
} from 'wasm-rseq/assembly/percpu/list';
import { pinTo, zeroed } from './memory';
import { runThreads, times } from './threads';

/** The next, and how often it has been found. */
const NODE_BYTES: usize = 8;
const FOUND: usize = 4;
/** Nodes at the beginning, for each thread. */
const NODES: i32 = 2;

let list: usize = 0;
let rounds: i32 = 0;

function push(node: usize): void {
  listPush(list, node);
}

function pop(): usize {
  return listPop(list);
}

function popAll(): usize {
  return listPopAll(list);
}

export function laws(): i32 {
  list = listCreate();
  const nodes = zeroed(3 * NODE_BYTES);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    pinTo(cpu);
    assert(pop() == 0, 'a new list is empty');
    assert(popAll() == 0, 'nothing is all of an empty list');
    for (let n: usize = 0; n < 3; n++) push(nodes + n * NODE_BYTES);
    assert(load<usize>(list + <usize>cpu * LIST_STRIDE) != 0, 'the list is that of this CPU');
    assert(pop() == nodes + 2 * NODE_BYTES, 'the last one comes first');
    assert(popAll() == nodes + NODE_BYTES, 'all begin with the last one');
    assert(load<usize>(nodes + NODE_BYTES) == nodes, 'they stay linked');
    assert(load<usize>(nodes) == 0, 'the first one ends them');
    assert(pop() == 0, 'nothing is left');
  }
  return 0;
}

function pushAll(first: usize): void {
  for (let node = first; node != 0; ) {
    const next = load<usize>(node);
    push(node);
    node = next;
  }
}

function move(round: i32): void {
  if (round % 4 == 3) return pushAll(popAll());
  const node = pop();
  schedYield();
  if (node != 0) push(node);
}

export function hammer(): i32 {
  list = listCreate();
  rounds = times();
  const total = NODES * nrThreads();
  const nodes = zeroed(<usize>total * NODE_BYTES);
  for (let n = 0; n < total; n++) push(nodes + <usize>n * NODE_BYTES);
  runThreads((_n: usize): i32 => {
    for (let round = 0; round < rounds; round++) move(round);
    return 0;
  });
  return total - countNodes();
}

/** What is in the lists, and is taken out. */
function countNodes(): i32 {
  let count = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    pinTo(cpu);
    for (let node = pop(); node != 0; node = pop(), count++) {
      assert(load<i32>(node, FOUND) == 0, 'a node is there twice');
      store<i32>(node, 1, FOUND);
    }
  }
  return count;
}
