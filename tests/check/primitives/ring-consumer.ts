// @ts-nocheck AssemblyScript
// The ring, where one consumer takes from wherever it is: two threads put, in both ways, on any CPU, while
// main takes twice from CPU 0, whose only slot is full at first.
// Invariant: what was put has been taken or is in a ring, once, and the oldest was taken first.

import { join, nrCpus, rseq, spawn } from 'wasm-rseq/assembly';
import { ringCreate, ringPut, ringPutRecord, ringTakeFrom } from 'wasm-rseq/assembly/percpu/ring';

const OLDEST: u32 = 4;
const SECOND: usize = memory.data<u32>([2]);
/** Where main takes to. */
const TO: usize = memory.data(4, 4);

let ring: usize = 0;

/** The value when there is no room for it. */
function putFirst(_unused: usize): i32 {
  return ringPut(ring, 1) ? 0 : 1;
}

function putSecond(_unused: usize): i32 {
  return ringPutRecord(ring, SECOND) ? 0 : 2;
}

function take(cpu: i32): u32 {
  return ringTakeFrom(ring, cpu, TO) ? load<u32>(TO) : 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  ring = ringCreate(1, 4);
  store<u32>(ring, 1, 64);
  store<u32>(ring, OLDEST, 64 + 128);
  const first = spawn(putFirst, 0);
  const second = spawn(putSecond, 0);
  assert(take(0) == OLDEST, 'the oldest was overtaken');
  let sum = take(0);
  sum += join(first) + join(second);
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += take(cpu);
  assert(sum == 3, 'lost or doubled');
  return 0;
}
