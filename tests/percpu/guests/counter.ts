// @ts-nocheck AssemblyScript
// The counter. What is conserved: the sum is that of what was added.

import { nrCpus, nrThreads } from 'wasm-rseq/assembly';
import {
  counterAdd,
  counterCreate,
  COUNTER_STRIDE,
  counterSum,
} from 'wasm-rseq/assembly/percpu/counter';
import { runThreads, times } from './threads';

let counter: usize = 0;
let rounds: i32 = 0;

export function laws(): i32 {
  const counter = counterCreate();
  assert(counterSum(counter) == 0, 'a new counter is zero');
  counterAdd(counter, 5);
  counterAdd(counter, -7);
  assert(counterSum(counter) == -2, 'the sum is that of what was added');
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    store<i32>(counter + <usize>cpu * COUNTER_STRIDE, i32.MAX_VALUE);
  }
  assert(counterSum(counter) == <i64>nrCpus() * i32.MAX_VALUE, 'the sum has 64 bits');
  return 0;
}

export function hammer(): i32 {
  counter = counterCreate();
  rounds = times();
  runThreads((_n: usize): i32 => {
    for (let n = 0; n < rounds; n++) counterAdd(counter, 1);
    return 0;
  });
  return nrThreads() * rounds - <i32>counterSum(counter);
}
