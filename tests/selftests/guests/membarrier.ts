// @ts-nocheck AssemblyScript
// param_test -T r, of linux: counters that threads reach by a pointer to the active one of two sets. The
// manager makes the other set active, fences a CPU, and from then on nobody counts on that CPU in the
// set that was active. main returns how often somebody did, or lost a count.
//
//   argument  0 times    the manager does it
//             1 index    0 by CPU, 1 by concurrency id
//             2 fence    0 none, 1 of one CPU, 2 of all
//             3 twice    1: sections compare twice
//             4 injected, 5 one in: see disturb.ts

import {
  join,
  membarrier,
  MembarrierCommand,
  nrCpus,
  nrThreads,
  rseq,
  schedYield,
  spawn,
} from 'wasm-rseq/assembly';
import { MEMBARRIER_FLAG_CPU } from 'wasm-rseq/src/abi/membarrier';
import { numberAt } from './arguments';
import { disturb, disturbBy, lostSignals, RECORD_BYTES } from './disturb';
import { STRIDE, zeroed } from './memory';
import { compareTwice, op } from './ops';

const NO_FENCE: i32 = 0;
const ONE_CPU: i32 = 1;
/** Slices in which the threads could count where they must not. */
const PAUSES: i32 = 8;

/** Address of the active set. A set has a pointer for each CPU, to what that counts. */
const active: usize = memory.data(sizeof<usize>());
const stop: usize = memory.data(4);
let mode: i32 = 0;

/** Returns how often it has counted. */
function worker(me: usize): i32 {
  let counted = 0;
  while (atomic.load<i32>(stop) == 0) {
    const cpu = op.index(mode);
    disturb(me);
    if (op.loadAddLoadLoadAddStore(mode, active, <usize>cpu * STRIDE, 1, cpu) == 0) counted++;
  }
  return counted;
}

function makeSet(): usize {
  const set = zeroed(<usize>nrCpus() * STRIDE);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    store<usize>(set + <usize>cpu * STRIDE, zeroed(STRIDE));
  }
  return set;
}

function countOf(set: usize, cpu: i32): i32 {
  return load<i32>(load<usize>(set + <usize>cpu * STRIDE));
}

function fence(form: i32, cpu: i32): void {
  if (form == NO_FENCE) return;
  const flags = form == ONE_CPU ? MEMBARRIER_FLAG_CPU : 0;
  assert(membarrier(MembarrierCommand.PrivateExpeditedRseq, flags, cpu) == 0);
}

/** How many CPUs counted in an inactive set. */
function countChanges(set: usize, first: i32, last: i32, found: usize): i32 {
  for (let cpu = first; cpu <= last; cpu++) store<i32>(found + <usize>cpu * 4, countOf(set, cpu));
  for (let pause = 0; pause < PAUSES; pause++) schedYield();
  let changed = 0;
  for (let cpu = first; cpu <= last; cpu++) {
    if (countOf(set, cpu) != load<i32>(found + <usize>cpu * 4)) changed++;
  }
  return changed;
}

/** Returns how often a fenced CPU counted in the set that it should have left. */
function manage(times: i32, form: i32, sets: usize): i32 {
  const found = zeroed(<usize>nrCpus() * 4);
  let changes = 0;
  for (let n = 0; n < times; n++) {
    const old = load<usize>(sets + <usize>(n & 1) * sizeof<usize>());
    store<usize>(active, load<usize>(sets + <usize>(~n & 1) * sizeof<usize>()));
    const cpu = n % nrCpus();
    fence(form, cpu);
    const isOne = form != 2;
    changes += countChanges(old, isOne ? cpu : 0, isOne ? cpu : nrCpus() - 1, found);
  }
  return changes;
}

export function main(): i32 {
  assert(rseq.register() == 0);
  mode = numberAt(1);
  if (numberAt(3) != 0) compareTwice();
  disturbBy(numberAt(4), numberAt(5));
  assert(membarrier(MembarrierCommand.RegisterPrivateExpeditedRseq, 0, 0) == 0);
  const sets = zeroed(2 * sizeof<usize>());
  store<usize>(sets, makeSet());
  store<usize>(sets, makeSet(), sizeof<usize>());
  store<usize>(active, load<usize>(sets));
  const records = zeroed(<usize>nrThreads() * RECORD_BYTES);
  const tids = zeroed(<usize>nrThreads() * 4);
  for (let n: usize = 0; n < <usize>nrThreads(); n++) {
    store<i32>(tids + n * 4, spawn(worker, records + n * RECORD_BYTES));
  }

  const changes = manage(numberAt(0), numberAt(2), sets);

  atomic.store<i32>(stop, 1);
  let counted = 0;
  for (let n: usize = 0; n < <usize>nrThreads(); n++) counted += join(load<i32>(tids + n * 4));
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    sum += countOf(load<usize>(sets), cpu) + countOf(load<usize>(sets, sizeof<usize>()), cpu);
  }
  assert(counted > 0);
  assert(lostSignals(records, nrThreads()) == 0);
  return changes + abs(sum - counted);
}
