// @ts-nocheck AssemblyScript
// Compare and exchange. What is conserved: the sum of what was counted, in two words of each CPU.

import { nrCpus, nrThreads, rseq } from 'wasm-rseq/assembly';
import { compareExchange, compareExchangeCheck } from 'wasm-rseq/assembly/percpu/compare-exchange';
import { pinTo, zeroed } from './memory';
import { runThreads, times } from './threads';

const STRIDE: usize = 64;
const SECOND: usize = 4;

let words: usize = 0;
let rounds: i32 = 0;

function exchange(cpu: i32, p: usize, expected: usize, value: usize): i32 {
  return compareExchange(cpu, p, expected, value);
}

function exchangeCheck(
  cpu: i32,
  p: usize,
  expected: usize,
  value: usize,
  check: usize,
  checked: usize,
): i32 {
  return compareExchangeCheck(cpu, p, expected, value, check, checked);
}

export function laws(): i32 {
  const p = zeroed(2 * SECOND);
  const check = p + SECOND;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    pinTo(cpu);
    store<usize>(p, 5);
    store<usize>(check, 8);
    assert(exchange(cpu + 1, p, 5, 6) == -1, 'on another CPU nothing is done');
    assert(exchange(cpu, p, 4, 6) == -1, 'another word is left alone');
    assert(exchangeCheck(cpu + 1, p, 5, 6, check, 8) == -1, 'nor with a second word');
    assert(exchangeCheck(cpu, p, 4, 6, -4, 8) == -1, 'the second is not read for another first');
    assert(exchangeCheck(cpu, p, 5, 6, check, 9) == -1, 'another second word stops it');
    assert(load<usize>(p) == 5 && load<usize>(check) == 8, 'so both are as they were');
    assert(exchange(cpu, p, 5, 6) == 0, 'the expected word is exchanged');
    assert(load<usize>(p) == 6, 'for the value');
    assert(exchangeCheck(cpu, p, 6, 7, check, 8) == 0, 'so it is when both are expected');
    assert(load<usize>(p) == 7 && load<usize>(check) == 8, 'the second stays');
  }
  return 0;
}

/** Even rounds count in the first word of a CPU, the others in the second, if the first stands still. */
function count(round: i32): void {
  let done: i32;
  do {
    const cpu = rseq.cpuId();
    const first = words + <usize>cpu * STRIDE;
    const second = first + SECOND;
    const n = load<usize>(first);
    const m = load<usize>(second);
    if (round % 2 == 0) done = exchange(cpu, first, n, n + 1);
    else done = exchangeCheck(cpu, second, m, m + 1, first, n);
  } while (done != 0);
}

export function hammer(): i32 {
  words = zeroed(<usize>nrCpus() * STRIDE);
  rounds = times();
  runThreads((_n: usize): i32 => {
    for (let round = 0; round < rounds; round++) count(round);
    return 0;
  });
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    const first = words + <usize>cpu * STRIDE;
    sum += load<i32>(first) + load<i32>(first, SECOND);
  }
  return nrThreads() * rounds - sum;
}
