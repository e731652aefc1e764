// Threads that take nodes from the list of whatever CPU they are on and put them back where they are then.
// Push and pop are restartable sections: in the end no node is lost, and none is there twice.

import {
  join,
  LIST_STRIDE,
  listCreate,
  listPop,
  listPush,
  nrCpus,
  nrThreads,
  print,
  printNumber,
  rseq,
  schedYield,
  spawn,
} from 'wasm-rseq/assembly';

const NODES = 16;
const ROUNDS = 200;
/** A node: the address of the next, and its number. */
const NODE_BYTES: usize = 8;
const NUMBER: usize = 4;

let list: usize = 0;

/** Returns how often it found the list empty. */
function worker(_argument: usize): i32 {
  let misses = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const node = listPop(list);
    if (node == 0) misses++;
    if (round % 16 == 0) schedYield();
    if (node != 0) listPush(list, node);
  }
  return misses;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  list = listCreate();
  for (let number = 1; number <= NODES; number++) {
    const node = heap.alloc(NODE_BYTES);
    store<i32>(node, number, NUMBER);
    listPush(list, node);
  }
  const threads = nrThreads();
  const tids = new StaticArray<i32>(threads);
  for (let i = 0; i < threads; i++) tids[i] = spawn(worker, 0);
  let misses = 0;
  for (let i = 0; i < threads; i++) misses += join(tids[i]);

  let nodes = 0;
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    let node = load<usize>(list + <usize>cpu * LIST_STRIDE);
    for (; node != 0; node = load<usize>(node)) {
      nodes++;
      sum += load<i32>(node, NUMBER);
    }
  }
  print('nodes, their sum, empty lists met:\n');
  printNumber(nodes);
  printNumber(sum);
  printNumber(misses);
  return nodes == NODES && sum == (NODES * (NODES + 1)) / 2 ? 0 : 1;
}
