// === percpu/spinlock: a lock per CPU =============================================================
//
//   locks ──► ┌ cpu 0: i32 held ┐┌ cpu 1: i32 held ┐ ...     64 bytes apart, a cache line each
//
// lock:    S: cpu = cpu id; word = locks + cpu * 64 | wait: *word != 0: wait | C: *word = 1 | R: cpu
//          retries when aborted
// tryLock: the same, but *word != 0: R: -1
// unlock:  *word = 0, a plain release store; no section
//
// Who holds the lock of a CPU has its data for himself, wherever he runs meanwhile: a critical section in the
// old sense, of any length, which may be preempted and may move. Only taking the lock is restartable: a thread
// that waits inside the section and is moved waits for the lock of its new CPU. Nobody is served in order.
//
// Not for a handler: the thread below it may hold the lock. tryLock is. The lock may be released from any CPU,
// by any thread, once.
//
// Source: rseq_percpu_lock of Dave Watson's tests for the RFC.

import { rseq } from '../rseq';
import { nrCpus } from '../sys';

/** Bytes from one CPU's lock to the next. */
export const SPINLOCK_STRIDE: usize = 64;

/** A lock for every CPU, all free. Returns their address. Call it in one thread, before the others start. */
export function spinlockCreate(): usize {
  const bytes = <usize>nrCpus() * SPINLOCK_STRIDE;
  const locks = heap.alloc(bytes);
  memory.fill(locks, 0, bytes);
  return locks;
}

/** Take the lock of the CPU this runs on, as soon as it is free. Returns which CPU's it is. */
// @ts-ignore: decorator
@inline
export function spinlockLock(locks: usize): i32 {
  rseq.restart();
  rseq.start();
  const cpu = rseq.cpuId();
  const word = locks + <usize>cpu * SPINLOCK_STRIDE;
  while (load<i32>(word) != 0) {}
  store<i32>(word, 1);
  rseq.end();
  return cpu;
}

/** Take the lock of the CPU this runs on, if it is free. Returns the CPU, or -1. */
// @ts-ignore: decorator
@inline
export function spinlockTryLock(locks: usize): i32 {
  rseq.restart();
  rseq.start();
  const cpu = rseq.cpuId();
  const word = locks + <usize>cpu * SPINLOCK_STRIDE;
  if (load<i32>(word) != 0) return -1;
  store<i32>(word, 1);
  rseq.end();
  return cpu;
}

/** Release the lock that lock or tryLock said is taken. From any CPU. */
// @ts-ignore: decorator
@inline
export function spinlockUnlock(locks: usize, cpu: i32): void {
  atomic.store<i32>(locks + <usize>cpu * SPINLOCK_STRIDE, 0);
}
