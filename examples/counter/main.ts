// Threads that count on whatever CPU they are on. Every increment is a restartable section, so none
// is lost, however often and wherever the threads are interrupted.

import {
  counterAdd,
  counterCreate,
  counterSum,
  join,
  nrThreads,
  printNumber,
  rseq,
  spawn,
} from 'wasm-rseq/assembly';

const INCREMENTS = 1000;

let counter: usize = 0;

function worker(_argument: usize): i32 {
  for (let i = 0; i < INCREMENTS; i++) counterAdd(counter, 1);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  counter = counterCreate();
  const threads = nrThreads();
  const tids = new StaticArray<i32>(threads);
  for (let i = 0; i < threads; i++) tids[i] = spawn(worker, 0);
  for (let i = 0; i < threads; i++) join(tids[i]);

  const sum = counterSum(counter);
  printNumber(sum);
  return sum == threads * INCREMENTS ? 0 : 1;
}
