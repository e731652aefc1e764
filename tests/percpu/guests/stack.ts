// @ts-nocheck AssemblyScript
// The stack. What is conserved: every item is in one stack, once.

import { nrCpus, nrThreads, schedYield } from 'wasm-rseq/assembly';
import { stackCreate, stackPop, stackPush } from 'wasm-rseq/assembly/percpu/stack';
import { pinTo, zeroed } from './memory';
import { runThreads, times } from './threads';

/** Items at the beginning, for each thread. */
const ITEMS: i32 = 2;

let stack: usize = 0;
let rounds: i32 = 0;

function push(item: usize): bool {
  return stackPush(stack, item);
}

function pop(): usize {
  return stackPop(stack);
}

export function laws(): i32 {
  stack = stackCreate(0);
  assert(!push(1), 'a stack of no items is full');
  assert(pop() == 0, 'and empty');
  // 15 items and their count are 64 bytes.
  for (let capacity: usize = 14; capacity <= 16; capacity++) fillAndEmpty(capacity);
  return 0;
}

function fillAndEmpty(capacity: usize): void {
  stack = stackCreate(capacity);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    pinTo(cpu);
    assert(pop() == 0, 'a new stack is empty');
    for (let n: usize = 0; n < capacity; n++) assert(push(itemOf(cpu, n)), 'there is room');
    assert(!push(1), 'at its capacity a stack is full');
  }
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    pinTo(cpu);
    for (let n = capacity; n-- > 0; ) assert(pop() == itemOf(cpu, n), 'the last one comes first');
    assert(pop() == 0, 'nothing is left');
  }
}

function itemOf(cpu: i32, n: usize): usize {
  return <usize>(cpu + 1) * 1000 + n;
}

export function hammer(): i32 {
  const total = <usize>(ITEMS * nrThreads());
  stack = stackCreate(total);
  rounds = times();
  for (let item: usize = 1; item <= total; item++) assert(push(item), 'no room');
  runThreads((_n: usize): i32 => {
    for (let round = 0; round < rounds; round++) {
      const item = pop();
      schedYield();
      if (item != 0) assert(push(item), 'no room');
    }
    return 0;
  });
  return <i32>total - countItems(total);
}

function countItems(total: usize): i32 {
  const isFound = zeroed(total + 1);
  let count = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    pinTo(cpu);
    for (let item = pop(); item != 0; item = pop(), count++) {
      assert(item <= total && load<u8>(isFound + item) == 0, 'no item, or one that is there twice');
      store<u8>(isFound + item, 1);
    }
  }
  return count;
}
