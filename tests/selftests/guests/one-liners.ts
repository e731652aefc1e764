// @ts-nocheck AssemblyScript
// One operation of librseq, done once by a thread that another one may interrupt, whose steps are never
// interrupted themselves. What has come of it goes to standard output, in numbers: the outcome, and words.
//
//   argument  0 operation   in the order of OPERATIONS in the test
//             1 cpu         where it is to happen
//             2 release     1: the release form

import { join, printNumber, rseq, schedYield, spawn } from 'wasm-rseq/assembly';
import { numberAt } from './arguments';
import {
  loadAddLoadLoadAddStore,
  loadAddStore,
  loadCbeqStoreAddLoadStore,
  loadCbneLoadCbneStore,
  loadCbneMemcpyStore,
  loadCbneStore,
  loadCbneStoreStore,
  MemoryOrder,
  PercpuMode,
} from 'wasm-rseq/assembly/percpu/ops';

const COMPARE_STORE: i32 = 0;
/** The other thread leaves the head as it was, with another node behind it. */
const POP: i32 = 1;
/** The other thread leaves nothing. */
const POP_OR_NOTHING: i32 = 2;
const ADD: i32 = 3;
const DEREFERENCE: i32 = 4;
const COMPARE_COMPARE_STORE: i32 = 5;
const STORE_STORE: i32 = 6;
const MEMCPY_STORE: i32 = 7;

const NODE_BYTES: usize = 8;
const ITEM_BYTES: usize = 16;

let operation: i32 = 0;
let cpu: i32 = 0;
let order: MemoryOrder = MemoryOrder.Relaxed;
const RELAXED = MemoryOrder.Relaxed;
const CPU_ID = PercpuMode.CpuId;
let outcome: i32 = -2;

/** The word that the operation is about, and a second. */
const v: usize = memory.data(4);
const v2: usize = memory.data(4);
/** Where the list's pop leaves what it has found. */
const found: usize = memory.data(4);
/** What the other thread has seen. */
const seen: usize = memory.data(4);
/** Nodes of a list, each the address of the next; or structures with the address of a counter behind. */
const nodes: usize = memory.data(3 * 8);
/** Two counters, or two places for a word, or for an item. */
const places: usize = memory.data(2 * 16);
const item: usize = memory.data(16);

function victim(_unused: usize): i32 {
  // From here on it is interrupted once; what comes before is registration.
  schedYield();
  if (operation == COMPARE_STORE) outcome = loadCbneStore(RELAXED, CPU_ID, v, 0, 1, cpu);
  else if (isList()) outcome = loadCbeqStoreAddLoadStore(RELAXED, CPU_ID, v, 0, 0, found, cpu);
  else if (operation == ADD) outcome = loadAddStore(RELAXED, CPU_ID, v, 5, cpu);
  else if (operation == DEREFERENCE)
    outcome = loadAddLoadLoadAddStore(RELAXED, CPU_ID, v, 4, 5, cpu);
  else if (operation == COMPARE_COMPARE_STORE)
    outcome = loadCbneLoadCbneStore(RELAXED, CPU_ID, v, 0, v2, 0, 1, cpu);
  else if (operation == STORE_STORE) {
    outcome = loadCbneStoreStore(order, CPU_ID, v, 0, places, 11, 1, cpu);
  } else {
    outcome = loadCbneMemcpyStore(order, CPU_ID, v, 0, places, item, ITEM_BYTES, 1, cpu);
  }
  return 0;
}

function isList(): bool {
  return operation == POP || operation == POP_OR_NOTHING;
}

function listPop(): usize {
  const node = load<usize>(v);
  if (node != 0) store<usize>(v, load<usize>(node));
  return node;
}

function other(_unused: usize): i32 {
  if (operation == COMPARE_STORE) {
    store<usize>(seen, load<usize>(v));
    if (load<usize>(v) == 0) store<usize>(v, 2);
  } else if (operation == POP) {
    // The head is what it was, and yet another list.
    const first = listPop();
    store<usize>(seen, listPop());
    store<usize>(first, load<usize>(v));
    store<usize>(v, first);
  } else if (operation == POP_OR_NOTHING) {
    while (listPop() != 0) store<usize>(seen, load<usize>(seen) + 1);
  } else if (operation == ADD) {
    store<usize>(v, load<usize>(v) + 7);
  } else if (operation == DEREFERENCE) {
    // The second counter is the active one from now on.
    store<usize>(v, nodes + NODE_BYTES);
    store<usize>(seen, load<usize>(places));
  } else if (operation == COMPARE_COMPARE_STORE) {
    store<usize>(v2, 1);
    store<usize>(seen, load<usize>(v));
  } else {
    const n = load<usize>(v);
    if (operation == STORE_STORE) store<usize>(places + n * 4, 22);
    else
      for (let at: usize = 0; at < ITEM_BYTES; at += 4)
        store<u32>(places + n * ITEM_BYTES + at, 22);
    store<usize>(v, n + 1);
  }
  return 0;
}

function prepare(): void {
  if (isList() || operation == DEREFERENCE) store<usize>(v, nodes);
  for (let n: usize = 0; n < 3; n++) {
    const node = nodes + n * NODE_BYTES;
    if (n < 2) store<usize>(node, node + NODE_BYTES);
    store<usize>(node, places + n * 4, 4);
  }
  for (let at: usize = 0; at < ITEM_BYTES; at += 4) store<u32>(item + at, 11);
}

/** 1, 2 or 3; 0: none. */
function numberOf(node: usize): i32 {
  return node == 0 ? 0 : <i32>((node - nodes) / NODE_BYTES) + 1;
}

/** The numbers of its nodes, a digit each. */
function listDigits(): i32 {
  let digits = 0;
  for (let node = load<usize>(v); node != 0; node = load<usize>(node)) {
    digits = digits * 10 + numberOf(node);
  }
  return digits;
}

/** Its word; -1: an item of different words. */
function placeAt(index: usize): i32 {
  if (operation != MEMCPY_STORE) return load<i32>(places + index * 4);
  const place = places + index * ITEM_BYTES;
  for (let at: usize = 4; at < ITEM_BYTES; at += 4) {
    if (load<i32>(place + at) != load<i32>(place)) return -1;
  }
  return load<i32>(place);
}

function printState(): void {
  printNumber(outcome);
  if (isList()) {
    printNumber(listDigits());
    printNumber(outcome == 0 ? numberOf(load<usize>(found)) : 0);
  } else if (operation <= COMPARE_COMPARE_STORE && operation != DEREFERENCE) {
    printNumber(load<i32>(v));
  } else {
    printNumber(placeAt(0));
    printNumber(placeAt(1));
  }
  printNumber(operation == POP ? numberOf(load<usize>(seen)) : load<i32>(seen));
}

export function main(): i32 {
  assert(rseq.register() == 0);
  operation = numberAt(0);
  cpu = numberAt(1);
  if (numberAt(2) != 0) order = MemoryOrder.Release;
  prepare();
  const first = spawn(victim, 0);
  const second = spawn(other, 0);
  join(first);
  join(second);
  printState();
  return 0;
}
