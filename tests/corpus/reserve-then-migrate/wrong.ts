// @ts-nocheck AssemblyScript
// Meant: a section reserves a place in the buffer of its CPU; the record goes there afterwards,
// from anywhere.
// Invariant: every reserved place holds a record, and every record is in one.
// Mistake: the record goes to the buffer of the CPU that the thread is on by then. It reserves
// place 0 of CPU 0, is moved to CPU 1 and stores there; place 0 of CPU 0 stays empty.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** For each CPU, 64 bytes apart: i32 places reserved, i32 records[2]. */
const BUFFERS: usize = memory.data(128, 64);

function record(value: usize): i32 {
  let buffer: usize = 0;
  let reserved = 0;
  rseq.restart();
  rseq.start();
  buffer = BUFFERS + <usize>rseq.cpuId() * 64;
  reserved = load<i32>(buffer);
  store<i32>(buffer, reserved + 1);
  rseq.end();
  buffer = BUFFERS + <usize>rseq.cpuId() * 64;
  store<i32>(buffer + <usize>reserved * 4, <i32>value, 4);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(record, 1);
  record(2);
  join(tid);
  let sum = 0;
  for (let buffer = BUFFERS; buffer < BUFFERS + 128; buffer += 64) {
    for (let place = 0; place < load<i32>(buffer); place++) {
      const value = load<i32>(buffer + <usize>place * 4, 4);
      assert(value != 0, 'a reserved place is empty');
      sum += value;
    }
  }
  assert(sum == 3, 'a record was written over');
  return 0;
}
