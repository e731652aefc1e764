// @ts-nocheck AssemblyScript
// The ring, where whoever is on a CPU takes there. First a thread alone fills and empties it; then two
// threads take, main puts on CPU 0, and a handler puts.
// Invariant: what was put has been taken or is in a ring, once, and in order; a ring refuses nothing
// before it is full.

import { nrCpus, rseq, schedSetaffinity } from 'wasm-rseq/assembly';
import {
  ringCreate,
  ringPut,
  ringPutRecord,
  ringTake,
  ringTakeFrom,
} from 'wasm-rseq/assembly/percpu/ring';
import { runThreads } from './threads';

/** i32 mask of CPUs. */
const CPUS: usize = memory.data(4, 4);
/** A word for each thread: where it takes to, and what it has taken; the last one is the handler's. */
const HANDS: usize = memory.data(16, 4);
const OUT: usize = memory.data(16, 4);

/** In a ring of up to 14 words: where the numbers of a CPU are. */
const CPU_BYTES: usize = 192;
const TAIL: usize = 64;
const SLOT: usize = 64 + 128;

let ring: usize = 0;

function stayOn(cpus: i32): void {
  store<i32>(CPUS, cpus);
  schedSetaffinity(0, 4, CPUS);
}

function alone(): void {
  const ring = ringCreate(3, 4);
  stayOn(2);
  assert(!ringTake(ring, HANDS), 'taken from nothing');
  for (let turn = 0; turn < 2; turn++) {
    for (let n = 0; n < 3; n++) assert(ringPut(ring, n), 'there is room');
    store<u32>(HANDS, 3);
    const isPut = turn == 0 ? ringPut(ring, 3) : ringPutRecord(ring, HANDS);
    assert(isPut, 'three are rounded up to four');
    assert(!ringPut(ring, 4) && !ringPutRecord(ring, HANDS), 'there is no room');
    for (let n = 0; n < 4; n += 2) {
      assert(ringTake(ring, HANDS) && load<i32>(HANDS) == n, 'not the oldest');
      assert(ringTakeFrom(ring, 1, HANDS) && load<i32>(HANDS) == n + 1, 'not the oldest');
    }
    assert(!ringTakeFrom(ring, 0, HANDS) && !ringTakeFrom(ring, 1, HANDS), 'nothing is left');
  }
  stayOn(3);
}

function take(me: usize): i32 {
  const hand = HANDS + me * 4;
  if (me == 0) {
    stayOn(1);
    if (!ringPut(ring, 32)) store<u32>(OUT, 32);
  } else if (ringTake(ring, hand)) store<u32>(OUT + me * 4, load<u32>(hand));
  return 0;
}

function onSignal(_signo: i32): void {
  if (!ringPut(ring, 16)) store<u32>(OUT, 16, 12);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  alone();
  ring = ringCreate(2, 4);
  for (let cpu: usize = 0; cpu < 2; cpu++) {
    store<u32>(ring + cpu * CPU_BYTES, 1, TAIL);
    store<u32>(ring + cpu * CPU_BYTES, 4 << (<u32>cpu), SLOT);
  }
  runThreads(take, onSignal);
  let sum: u32 = 0;
  for (let n: usize = 0; n < 4; n++) sum += load<u32>(OUT + n * 4);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    while (ringTakeFrom(ring, cpu, HANDS)) sum += load<u32>(HANDS);
  }
  assert((sum | 16) == 60, 'lost or doubled');
  return 0;
}
