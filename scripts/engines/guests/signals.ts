// @ts-nocheck AssemblyScript
// Two threads count while main sends them and itself signals, whose handlers count too. Nothing may be lost.

import {
  join,
  kill,
  nrCpus,
  printNumber,
  rseq,
  self,
  signal,
  spawn,
  thread,
} from 'wasm-rseq/assembly';

const USR1: i32 = 10;
const USR2: i32 = 12;
const TURNS: i32 = 300;
const ROUNDS: i32 = 60;

const counts: usize = memory.data(4096, 64);
const handled: usize = memory.data(4, 4);

function count(): void {
  rseq.restart();
  rseq.start();
  const slot = counts + <usize>rseq.cpuId() * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
}

function onSignal(_signo: i32): void {
  count();
  atomic.add<i32>(handled, 1);
}

function worker(_argument: usize): i32 {
  for (let turn = 0; turn < TURNS; turn++) count();
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  assert(signal(USR1, onSignal) == 0 && signal(USR2, onSignal) == 0, 'no handler');
  const first = spawn(worker, 0);
  const second = spawn(worker, 0);
  for (let round = 0; round < ROUNDS; round++) {
    kill(first, USR1);
    kill(second, USR2);
    kill(second, USR1);
    kill(self(), USR2);
    thread.yield();
  }
  join(first);
  join(second);
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(counts + <usize>cpu * 64);
  printNumber(sum);
  return sum == 2 * TURNS + atomic.load<i32>(handled) ? 0 : 1;
}
