// @ts-nocheck AssemblyScript
// The stack, with room for one: it is full on the CPU where it all begins. One thread and a handler take an item,
// two threads put one.
// Invariant: every item was taken once, or was refused, or is in one stack, once; and no stack is fuller than
// full.

import { rseq } from 'wasm-rseq/assembly';
import { stackCreate, stackPop, stackPush } from 'wasm-rseq/assembly/percpu/stack';
import { runThreads } from './threads';

const CAPACITY: usize = 1;
/** The last one is there at the beginning, the others are the threads'. */
const ITEMS: usize = 3;
/** Behind the threads. */
const HANDLER: usize = 3;

/** What each thread, and the handler, has taken, or has not got rid of. */
const kept: usize = memory.data(4 * 4);
/** Of each item, whether it has been found. */
const isFound: usize = memory.data(4);
let stack: usize = 0;

function push(item: usize, keeper: usize): void {
  store<usize>(kept + keeper * 4, stackPush(stack, item) ? 0 : item);
}

function pop(keeper: usize): void {
  store<usize>(kept + keeper * 4, stackPop(stack));
}

function work(argument: usize): i32 {
  if (argument == 0) pop(argument);
  else push(argument, argument);
  return 0;
}

function onSignal(_signo: i32): void {
  pop(HANDLER);
}

function find(item: usize): void {
  assert(item > 0 && item <= ITEMS, 'no item');
  assert(load<u8>(isFound + item) == 0, 'an item is there twice');
  store<u8>(isFound + item, 1);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  stack = stackCreate(CAPACITY);
  push(ITEMS, 0);
  runThreads(work, onSignal);
  for (let keeper: usize = 0; keeper <= HANDLER; keeper++) {
    if (load<usize>(kept + keeper * 4) != 0) find(load<usize>(kept + keeper * 4));
  }
  for (let cpu: usize = 0; cpu < 2; cpu++) {
    const part = stack + cpu * 64;
    assert(load<usize>(part) <= CAPACITY, 'fuller than full');
    for (let n: usize = 0; n < load<usize>(part); n++) find(load<usize>(part + n * 4, 4));
  }
  for (let item: usize = 1; item <= ITEMS; item++) {
    assert(load<u8>(isFound + item) == 1, 'an item is lost');
  }
  return 0;
}
