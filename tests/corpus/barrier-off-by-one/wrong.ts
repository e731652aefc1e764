// @ts-nocheck AssemblyScript
// Meant: two threads write their results and wait for each other at a barrier.
// Invariant: behind the barrier both results are there.
// Mistake: the barrier opens for one thread less. The first to come goes on at once and finds no
// result of the other.

import { futexWait, futexWake, join, spawn } from 'wasm-rseq/assembly';

const RESULTS: usize = memory.data(8, 4);
const ARRIVED: usize = memory.data(4, 4);
const PARTIES: i32 = 1;

function barrier(): void {
  atomic.add<i32>(ARRIVED, 1);
  futexWake(ARRIVED, 1);
  let seen = atomic.load<i32>(ARRIVED);
  while (seen < PARTIES) {
    futexWait(ARRIVED, seen, 0);
    seen = atomic.load<i32>(ARRIVED);
  }
}

function work(me: usize): i32 {
  atomic.store<i32>(RESULTS + me * 4, 1);
  barrier();
  assert(atomic.load<i32>(RESULTS + (1 - me) * 4) == 1, 'a result is missing');
  return 0;
}

export function main(): i32 {
  const tid = spawn(work, 1);
  work(0);
  join(tid);
  return 0;
}
