// @ts-nocheck AssemblyScript
// The ring. What is conserved: each record that was put is taken once, whole, and those of a thread in the
// order in which it has put them.

import { nrCpus, nrThreads } from 'wasm-rseq/assembly';
import {
  ringCreate,
  ringPut,
  ringPutRecord,
  ringTake,
  ringTakeFrom,
} from 'wasm-rseq/assembly/percpu/ring';
import { runThreads, times } from './threads';

/** A record is i32 thread, i32 number, and again both, so that half of one shows. */
const RECORD_BYTES: u32 = 16;
const SLOTS: u32 = 4;

let ring: usize = 0;
let rounds: i32 = 0;
/** A record for each thread, and one for main. */
let records: usize = 0;
/** i32 for each number of each thread: how often it was taken. */
let taken: usize = 0;

export function laws(): i32 {
  holdsWords();
  holdsRecords();
  goesOnBehindTheLastNumber();
  return 0;
}

function holdsWords(): void {
  const ring = ringCreate(3, 4);
  const to = heap.alloc(4);
  assert(!ringTake(ring, to), 'a new ring is empty');
  for (let value = 1; value <= 4; value++)
    assert(ringPut(ring, value), 'three are rounded up to four');
  assert(!ringPut(ring, 5), 'the fifth finds it full');
  for (let value = 1; value <= 4; value++) {
    assert(ringTake(ring, to) && load<i32>(to) == value, 'the oldest is taken first');
  }
  assert(!ringTake(ring, to), 'taken once');
  for (let cpu = 0; cpu < nrCpus(); cpu++) assert(!ringTakeFrom(ring, cpu, to), 'empty everywhere');
}

function holdsRecords(): void {
  const ring = ringCreate(1, 3);
  const record = heap.alloc(4);
  const to = heap.alloc(4);
  store<u32>(record, 0x030201);
  store<u32>(to, 0x04000000);
  assert(ringPutRecord(ring, record), 'a ring may have one slot');
  assert(!ringPutRecord(ring, record), 'and then it is full');
  let found = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) if (ringTakeFrom(ring, cpu, to)) found++;
  assert(found == 1, 'a record is on one CPU');
  assert(load<u32>(to) == 0x04030201, 'three bytes are three bytes');
}

function goesOnBehindTheLastNumber(): void {
  const ring = ringCreate(2, 4);
  const to = heap.alloc(4);
  const cpuBytes: usize = 192;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    store<u32>(ring + <usize>cpu * cpuBytes, u32.MAX_VALUE, 64);
    store<u32>(ring + <usize>cpu * cpuBytes, u32.MAX_VALUE, 128);
  }
  assert(ringPut(ring, 1) && ringPut(ring, 2) && !ringPut(ring, 3), 'two fit');
  assert(ringTake(ring, to) && load<i32>(to) == 1, 'the last number');
  assert(ringTake(ring, to) && load<i32>(to) == 2, 'the first number');
}

export function hammer(): i32 {
  rounds = times();
  ring = ringCreate(SLOTS, RECORD_BYTES);
  records = heap.alloc(<usize>(nrThreads() + 1) * RECORD_BYTES);
  taken = heap.alloc(<usize>(nrThreads() * rounds) * 4);
  memory.fill(taken, 0, <usize>(nrThreads() * rounds) * 4);
  runThreads((me: usize): i32 => {
    const record = records + me * RECORD_BYTES;
    for (let number = 0; number < rounds; number++) {
      write(record, <i32>me, number);
      while (!ringPutRecord(ring, record)) {
        if (ringTake(ring, record)) note(record);
        write(record, <i32>me, number);
      }
    }
    return 0;
  });
  for (let cpu = 0; cpu < nrCpus(); cpu++) drain(cpu);
  let wrong = 0;
  for (let n = 0; n < nrThreads() * rounds; n++) if (load<i32>(taken + <usize>n * 4) != 1) wrong++;
  return wrong;
}

function write(record: usize, thread: i32, number: i32): void {
  store<i32>(record, thread);
  store<i32>(record, number, 4);
  store<i32>(record, thread, 8);
  store<i32>(record, number, 12);
}

function note(record: usize): void {
  assert(load<u64>(record) == load<u64>(record, 8), 'a record is torn');
  const index = load<i32>(record) * rounds + load<i32>(record, 4);
  atomic.add<i32>(taken + <usize>index * 4, 1);
}

function drain(cpu: i32): void {
  const record = records + <usize>nrThreads() * RECORD_BYTES;
  const last = new StaticArray<i32>(nrThreads());
  last.fill(-1);
  while (ringTakeFrom(ring, cpu, record)) {
    note(record);
    assert(load<i32>(record, 4) > last[load<i32>(record)], 'a record was overtaken');
    last[load<i32>(record)] = load<i32>(record, 4);
  }
}
