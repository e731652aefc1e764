// === percpu/rcu: read-copy-update, readers counted on their CPUs =================================
//
//   rcu ──► ┌ shared line ─────────────────────────┐
//           ├ period ┬ sleeping ┬ mutex ┬ callbacks ┤      64 bytes apart, a cache line each
//           ├ line of cpu 0 ───────────────────────┤
//           └ line of cpu 1 ... ───────────────────┘
//
//   line:   ┌ period 0: i32 begun, i32 ended ┬ period 1: i32 begun, i32 ended ┐
//
// A reader counts itself twice, when it begins and when it ends, both on the CPU it is on then. Whoever
// replaces what readers see waits until all that have begun have ended, and frees it.
//
// count:  P: no cpu id -> A | S: slot = line of cpu id + word; v = *slot | C: *slot = v + 1
//         A: atomic add to the same word of the shared line, which no section ever stores to
// begin:  P: period | count begun of period                                R: period
// end:    count ended of period | sleeping: wake
// wait:   ended of all lines, then begun of all lines; equal: there was a moment without readers
//
// After the split counters of urcu and libside (Desnoyers): ended is added up before begun, so nobody is
// seen to end who was not seen to begin. A period alone could stay busy for ever, one reader after the
// other; so new ones are sent to the other period while the old one runs dry.
//
// Aborted or not registered, a reader counts atomically instead: it never tries twice. With ras, where nothing
// tells, the process must have registered.

import { mutexLock, mutexUnlock } from '../mutex';
import { rseq } from '../rseq';
import { futexWait, futexWake, membarrier, MembarrierCommand, nrCpus } from '../sys';

const LINE_BYTES: usize = 64;

const PERIOD: usize = LINE_BYTES;
const SLEEPING: usize = LINE_BYTES + 4;
const MUTEX: usize = LINE_BYTES + 8;
const CALLBACKS: usize = LINE_BYTES + 12;

const FIRST_CPU_LINE: usize = 2 * LINE_BYTES;

const BEGUN: usize = 0;
const ENDED: usize = 4;
const PERIOD_BYTES: usize = 8;

const NEXT: usize = 0;
const FUNCTION: usize = 4;

/** What rcuCall needs of an object: 8 bytes anywhere in it, aligned to 4. */
export const RCU_HEAD_BYTES: usize = 8;

/** Gets the head that was given to rcuCall. */
export type RcuCallback = (head: usize) => void;

/** Before other threads use it. Returns its address. */
export function rcuCreate(): usize {
  const bytes = FIRST_CPU_LINE + <usize>nrCpus() * LINE_BYTES;
  const rcu = heap.alloc(bytes);
  memory.fill(rcu, 0, bytes);
  membarrier(MembarrierCommand.RegisterPrivateExpedited, 0, 0);
  return rcu;
}

/**
 * Begin to read: what rcuDereference returns from now on stays what it is until rcuReadUnlock. One section,
 * nothing atomic; anywhere, in handlers and in other readers too. Returns what rcuReadUnlock wants.
 */
export function rcuReadLock(rcu: usize): usize {
  const period = atomic.load<usize>(rcu, PERIOD);
  count(rcu, period + BEGUN);
  return period;
}

/** End what returned `period`; on whatever CPU, in whatever thread. */
export function rcuReadUnlock(rcu: usize, period: usize): void {
  count(rcu, period + ENDED);
  if (atomic.load<i32>(rcu, SLEEPING) == 0) return;
  atomic.store<i32>(rcu, 0, SLEEPING);
  futexWake(rcu + SLEEPING, 1);
}

/** The pointer at `address`, which rcuAssign may replace at any time. */
// @ts-ignore: decorator
@inline
export function rcuDereference(address: usize): usize {
  return atomic.load<usize>(address);
}

/** Let readers that begin from now on, and perhaps earlier ones, see `pointer` at `address`. */
// @ts-ignore: decorator
@inline
export function rcuAssign(address: usize, pointer: usize): void {
  atomic.store<usize>(address, pointer);
}

/**
 * Wait until every reader that has begun has ended. Sleeps. Any number of threads at once, one after the
 * other; not in a reader, nor in a handler.
 */
export function rcuSynchronize(rcu: usize): void {
  mutexLock(rcu + MUTEX);
  awaitReaders(rcu);
  mutexUnlock(rcu + MUTEX);
}

/**
 * Let rcuBarrier call `callback` with `head` when every reader that has begun by now has ended. Anywhere.
 * The head is the library's until then.
 */
export function rcuCall(rcu: usize, head: usize, callback: RcuCallback): void {
  store<u32>(head, callback.index, FUNCTION);
  let first: usize;
  do {
    first = atomic.load<usize>(rcu, CALLBACKS);
    store<usize>(head, first, NEXT);
  } while (atomic.cmpxchg<usize>(rcu, first, head, CALLBACKS) != first);
}

/**
 * Make the calls that were left with rcuCall by now, the last first, when every reader that has begun has
 * ended. When it returns, all of them have been made, by this thread or by another.
 * Preconditions: as rcuSynchronize; callbacks themselves do not wait.
 */
export function rcuBarrier(rcu: usize): void {
  mutexLock(rcu + MUTEX);
  let head = atomic.xchg<usize>(rcu, 0, CALLBACKS);
  if (head != 0) awaitReaders(rcu);
  while (head != 0) {
    // First: the callback frees the head.
    const next = load<usize>(head, NEXT);
    call_indirect(load<u32>(head, FUNCTION), head);
    head = next;
  }
  mutexUnlock(rcu + MUTEX);
}

function count(rcu: usize, word: usize): void {
  if (countHere(rcu + FIRST_CPU_LINE + word)) return;
  atomic.add<i32>(rcu + word, 1);
}

/** word: that of CPU 0. Returns false, with nothing done, when aborted or not registered. */
// @ts-ignore: decorator
@inline
function countHere(word: usize): bool {
  if (rseq.cpuId() < 0) return false;
  if (rseq.restart()) return false;
  rseq.start();
  const slot = word + <usize>rseq.cpuId() * LINE_BYTES;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
  return true;
}

/**
 * The period before first: whoever had read its number before it was over may have begun since.
 * Preconditions: the mutex is held.
 */
function awaitReaders(rcu: usize): void {
  const period = atomic.load<usize>(rcu, PERIOD);
  awaitPeriod(rcu, period ^ PERIOD_BYTES);
  atomic.store<usize>(rcu, period ^ PERIOD_BYTES, PERIOD);
  awaitPeriod(rcu, period);
}

/** Says first that it may sleep: a reader that ends unseen wakes it, or has changed the word. */
function awaitPeriod(rcu: usize, period: usize): void {
  atomic.store<i32>(rcu, 1, SLEEPING);
  while (hasReaders(rcu, period)) {
    futexWait(rcu + SLEEPING, 1, 0);
    atomic.store<i32>(rcu, 1, SLEEPING);
  }
  atomic.store<i32>(rcu, 0, SLEEPING);
}

function hasReaders(rcu: usize, period: usize): bool {
  barrier();
  const ended = sum(rcu, period + ENDED);
  barrier();
  return sum(rcu, period + BEGUN) != ended;
}

/** Modulo 2^32, as long as there are never that many readers at once. */
function sum(rcu: usize, word: usize): i32 {
  let sum = atomic.load<i32>(rcu + word);
  const cpus = rcu + FIRST_CPU_LINE + word;
  for (let cpu = 0, n = nrCpus(); cpu < n; cpu++) {
    sum += atomic.load<i32>(cpus + <usize>cpu * LINE_BYTES);
  }
  return sum;
}

/**
 * Where memory is weaker than sequentially consistent, readers need barriers that they do not have: between
 * begun and what they read, and between that, ended and `sleeping`. This gives them one from outside,
 * wherever they are.
 */
function barrier(): void {
  membarrier(MembarrierCommand.PrivateExpedited, 0, 0);
}
