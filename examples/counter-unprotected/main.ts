// The counter without its section: the same per-CPU increment, but nothing restarts it. A thread that
// is interrupted between load and store writes back a stale count when it runs again, and loses what
// other threads have added to that CPU meanwhile.

import {
  COUNTER_STRIDE,
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
  for (let i = 0; i < INCREMENTS; i++) {
    const slot = counter + <usize>rseq.cpuId() * COUNTER_STRIDE;
    store<i32>(slot, load<i32>(slot) + 1);
  }
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
