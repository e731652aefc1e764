// === percpu/refcount: references counted per CPU, until they are about to end =====================
//
//   refcount ──► ┌ i32 killed │ i32 count ┐┌ room of a fence ┐┌ cpu 0 ┐┌ cpu 1 ┐ ...     64 bytes each
//   cpu      ──► ┌ i32 number ┐                                           references got less those put
//
// After Linux' percpu_ref: the creator has a reference. While it has, nobody else's can be the last, and
// only the sum of the CPUs' numbers means anything. When it gives its own up, the sum goes to `count`,
// and from then on that is counted down atomically. Until the sum is there, a bias keeps it above 0.
//
// get, put:  S: killed: give up; cpu; n = *cpu | C: *cpu = n ± 1            retries when aborted
//            given up: get adds to count, tryGet fails, put subtracts from it, atomically
// kill:      killed = 1, atomically; fence; sum; count -= bias + 1 - sum, atomically
//
// killed is read in the section: behind the fence, whoever had read 0 has committed or reads 1. So
// no section changes a CPU's number behind the sum. Whose subtraction makes count 0 is told so, one
// caller exactly, put or kill: nobody uses the object any more, and it frees it. What holders have done to
// the object before their put, it sees: the fence and the atomics order that.
//
// Nothing is left behind by an abort. get and put may be on different CPUs, and in handlers; kill may not be
// in a handler: see fence.

import { FENCE_BYTES, fenceSections } from '../fence';
import { rseq } from '../rseq';
import { nrCpus } from '../sys';

const KILLED: usize = 0;
const COUNT: usize = 4;
const ROOM: usize = 64;
const CPUS: usize = ROOM + FENCE_BYTES;
const CPU_BYTES: usize = 64;

/** More than there can be references, in absolute value. */
const BIAS: i32 = 1 << 30;

/**
 * A count of one reference, the caller's, that refcountKill gives up. Returns its address. Called once,
 * before other threads know of it.
 */
export function refcountCreate(): usize {
  const bytes = CPUS + <usize>nrCpus() * CPU_BYTES;
  const refcount = heap.alloc(bytes);
  memory.fill(refcount, 0, bytes);
  store<i32>(refcount, BIAS + 1, COUNT);
  return refcount;
}

/** One reference more. Precondition: there is one that nobody gives up meanwhile. */
export function refcountGet(refcount: usize): void {
  if (!addHere(refcount, 1)) atomic.add<i32>(refcount, 1, COUNT);
}

/** One reference more, unless refcountKill was called: false. Precondition: the count itself is there. */
export function refcountTryGet(refcount: usize): bool {
  return addHere(refcount, 1);
}

/** Give up a reference. True: it was the last. */
export function refcountPut(refcount: usize): bool {
  if (addHere(refcount, -1)) return false;
  return atomic.sub<i32>(refcount, 1, COUNT) == 1;
}

/**
 * Give up the creator's reference; refcountTryGet fails from now on. True: it was the last. False: another
 * will be, or somebody has called this before.
 */
export function refcountKill(refcount: usize): bool {
  if (atomic.xchg<i32>(refcount, 1, KILLED) != 0) return false;
  fenceSections(refcount + ROOM);
  let gone = BIAS + 1;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    gone -= load<i32>(refcount + <usize>cpu * CPU_BYTES, CPUS);
  }
  return atomic.sub<i32>(refcount, gone, COUNT) == gone;
}

/** Add to the number of the CPU this runs on. False: it does not count any more. */
function addHere(refcount: usize, amount: i32): bool {
  rseq.restart();
  rseq.start();
  if (load<i32>(refcount, KILLED) != 0) return false;
  const slot = refcount + <usize>rseq.cpuId() * CPU_BYTES;
  store<i32>(slot, load<i32>(slot, CPUS) + amount, CPUS);
  rseq.end();
  return true;
}
