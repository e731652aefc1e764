// @ts-nocheck AssemblyScript
// The spinlock. What is conserved: counts that are not updated in one go, each behind the lock of a CPU.

import { nrCpus, nrThreads, schedYield } from 'wasm-rseq/assembly';
import {
  SPINLOCK_STRIDE,
  spinlockCreate,
  spinlockLock,
  spinlockTryLock,
  spinlockUnlock,
} from 'wasm-rseq/assembly/percpu/spinlock';
import { pinTo, zeroed } from './memory';
import { runThreads, times } from './threads';

let locks: usize = 0;
/** Of each CPU, what is counted behind its lock. */
let counts: usize = 0;
let rounds: i32 = 0;

function take(): i32 {
  return spinlockLock(locks);
}

function tryTake(): i32 {
  return spinlockTryLock(locks);
}

function wordOf(cpu: i32): usize {
  return locks + <usize>cpu * SPINLOCK_STRIDE;
}

export function laws(): i32 {
  locks = spinlockCreate();
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    assert(load<i32>(wordOf(cpu)) == 0, 'a new lock is free');
    pinTo(cpu);
    assert(take() == cpu, 'the lock that is taken is that of this CPU');
    assert(load<i32>(wordOf(cpu)) != 0, 'it is taken then');
    assert(tryTake() == -1, 'a lock that is taken is not taken again');
  }
  for (let cpu = 0; cpu < nrCpus(); cpu++) spinlockUnlock(locks, cpu);
  assert(tryTake() == nrCpus() - 1, 'released elsewhere, it is free');
  assert(tryTake() == -1, 'what tryLock takes is taken');
  for (let cpu = 0; cpu < nrCpus() - 1; cpu++) assert(load<i32>(wordOf(cpu)) == 0, 'so are all');
  return 0;
}

function countOne(cpu: i32): void {
  const count = counts + <usize>cpu * SPINLOCK_STRIDE;
  const found = load<i32>(count);
  schedYield();
  store<i32>(count, found + 1);
  spinlockUnlock(locks, cpu);
}

export function hammer(): i32 {
  locks = spinlockCreate();
  counts = zeroed(<usize>nrCpus() * SPINLOCK_STRIDE);
  rounds = times();
  runThreads((n: usize): i32 => {
    for (let round = 0; round < rounds; round++) {
      const tried = (<i32>n + round) % 2 == 0 ? tryTake() : -1;
      countOne(tried < 0 ? take() : tried);
    }
    return 0;
  });
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    sum += load<i32>(counts + <usize>cpu * SPINLOCK_STRIDE);
    sum -= load<i32>(wordOf(cpu));
  }
  return nrThreads() * rounds - sum;
}
