// -T r: counters that threads reach by a pointer to the active one of two sets. The manager makes the other set
// active, fences a CPU, and from then on nobody counts on that CPU in the set that was active.

import { membarrier, MembarrierCommand, nrCpus, schedYield } from 'wasm-rseq/assembly';
import { loadAddLoadLoadAddStore, MemoryOrder } from 'wasm-rseq/assembly/percpu/ops';
import { MEMBARRIER_FLAG_CPU } from 'wasm-rseq/src/abi/membarrier';
import { indexFor, outcome } from './attempt';
import { inject } from './inject';
import { percpuWords, wordOf, zeroed } from './memory';
import { Fence, fence, mode, reps } from './options';

/** Bytes from one CPU's pointer to the next, as of all words. */
const STRIDE: usize = 64;
/** Slices in which threads could count where they must not. */
const PAUSES: i32 = 8;

/** Address of the active set. A set has a pointer for each CPU, to what that counts. */
const active: usize = memory.data(4);
const stop: usize = memory.data(4);
/** How often threads have counted. */
const counted: usize = memory.data(8, 8);
let sets: StaticArray<usize> = new StaticArray<usize>(2);

/** Returns whether there is such a fence. */
export function prepareMembarrier(): bool {
  for (let n = 0; n < 2; n++) sets[n] = makeSet();
  store<usize>(active, sets[0]);
  return membarrier(MembarrierCommand.RegisterPrivateExpeditedRseq, 0, 0) == 0;
}

function makeSet(): usize {
  const set = percpuWords();
  for (let cpu = 0; cpu < nrCpus(); cpu++) store<usize>(wordOf(set, cpu), zeroed(STRIDE));
  return set;
}

/** Until the manager says stop. */
export function countInActive(me: usize): void {
  let count: i64 = 0;
  while (atomic.load<i32>(stop) == 0) {
    const cpu = indexFor(me);
    inject(9, me);
    const offset = <usize>cpu * STRIDE;
    const order = MemoryOrder.Relaxed;
    if (outcome(loadAddLoadLoadAddStore(order, mode, active, offset, 1, cpu), me) == 0) count++;
  }
  atomic.add<i64>(counted, count);
}

/** Returns how often a CPU counted in a set that it should have left. */
export function manage(): i64 {
  const found = zeroed(<usize>nrCpus() * 4);
  let changes: i64 = 0;
  for (let n = 0; n < reps; n++) {
    const old = sets[n & 1];
    store<usize>(active, sets[~n & 1]);
    const cpu = n % nrCpus();
    fenceOff(cpu);
    if (fence == Fence.AllCpus) changes += countChanges(old, 0, nrCpus() - 1, found);
    else changes += countChanges(old, cpu, cpu, found);
  }
  atomic.store<i32>(stop, 1);
  return changes;
}

function fenceOff(cpu: i32): void {
  if (fence == Fence.None) return;
  const flags = fence == Fence.OneCpu ? MEMBARRIER_FLAG_CPU : 0;
  assert(membarrier(MembarrierCommand.PrivateExpeditedRseq, flags, cpu) == 0, 'no fence');
}

/** How many of the CPUs `first` to `last` count in an inactive set. */
function countChanges(set: usize, first: i32, last: i32, found: usize): i32 {
  for (let cpu = first; cpu <= last; cpu++) store<i32>(found + <usize>cpu * 4, countOf(set, cpu));
  for (let pause = 0; pause < PAUSES; pause++) schedYield();
  let changed = 0;
  for (let cpu = first; cpu <= last; cpu++) {
    if (countOf(set, cpu) != load<i32>(found + <usize>cpu * 4)) changed++;
  }
  return changed;
}

function countOf(set: usize, cpu: i32): i32 {
  return load<i32>(load<usize>(wordOf(set, cpu)));
}

/** Counts that are in neither set. */
export function lostInSets(): i64 {
  let sum: i64 = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += countOf(sets[0], cpu) + countOf(sets[1], cpu);
  return load<i64>(counted) - sum;
}
