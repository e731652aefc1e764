// @ts-nocheck AssemblyScript
// Compare and exchange: a thread and the handler of another one count in a word of whatever CPU they are on; of
// two threads, one says yes in its word of a CPU if the other has said nothing there, and the other way round.
// Invariant: nobody counts what another has counted; nobody says yes twice, and not both on one CPU.

import { rseq } from 'wasm-rseq/assembly';
import { compareExchange, compareExchangeCheck } from 'wasm-rseq/assembly/percpu/compare-exchange';
import { runThreads } from './threads';

// The words of a CPU: a count, and what each has said.
const FIRST: usize = 4;
const SECOND: usize = 8;
const STRIDE: usize = 64;

const words: usize = memory.data(3 * 64, 64);
const said: usize = memory.data(4);
let handled: i32 = 0;

function countOn(cpu: i32): i32 {
  const p = words + <usize>cpu * STRIDE;
  const n = load<usize>(p);
  return compareExchange(cpu, p, n, n + 1);
}

function count(): void {
  while (countOn(rseq.cpuId()) != 0) {}
}

function sayYesOn(cpu: i32, mine: usize, other: usize): i32 {
  const p = words + <usize>cpu * STRIDE;
  return compareExchangeCheck(cpu, p + mine, 0, 1, p + other, 0);
}

function sayYes(mine: usize, other: usize): void {
  let result: i32;
  let p: usize;
  do {
    const cpu = rseq.cpuId();
    p = words + <usize>cpu * STRIDE;
    result = sayYesOn(cpu, mine, other);
  } while (result != 0 && load<i32>(p + mine) + load<i32>(p + other) == 0);
  if (result == 0) atomic.add<i32>(said, 1);
}

function work(argument: usize): i32 {
  if (argument == 0) count();
  else if (argument == 1) sayYes(FIRST, SECOND);
  else sayYes(SECOND, FIRST);
  return 0;
}

function onSignal(_signo: i32): void {
  count();
  handled++;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  assert(countOn(2) == -1 && sayYesOn(2, FIRST, SECOND) == -1, 'there is no such CPU');
  // The first has said yes there.
  store<i32>(words, 1, STRIDE + FIRST);
  runThreads(work, onSignal);
  assert(load<i32>(words) + load<i32>(words, STRIDE) == 1 + handled, 'the sum is not exact');
  let yes = 0;
  for (let cpu: usize = 0; cpu < 2; cpu++) {
    const first = load<i32>(words + cpu * STRIDE, FIRST);
    const second = load<i32>(words + cpu * STRIDE, SECOND);
    assert(first + second <= 1, 'both have said yes');
    yes += first + second;
  }
  assert(yes == 1 + load<i32>(said), 'yes was said twice');
  return 0;
}
