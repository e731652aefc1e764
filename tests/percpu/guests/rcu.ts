// @ts-nocheck AssemblyScript
// RCU. What is conserved: a version that a reader holds is not freed; hammer() returns how often one was.

import { join, kill, nrThreads, self, signal, spawn } from 'wasm-rseq/assembly';
import {
  RCU_HEAD_BYTES,
  rcuAssign,
  rcuBarrier,
  rcuCall,
  rcuCreate,
  rcuDereference,
  rcuReadLock,
  rcuReadUnlock,
  rcuSynchronize,
} from 'wasm-rseq/assembly/percpu/rcu';
import { runThreads, times } from './threads';

const SIGNAL: i32 = 10;
const FREED: i32 = 0xdead;
/** Two objects: an rcu head, then i32 FREED or not. */
const STATE: usize = RCU_HEAD_BYTES;
const OBJECTS: usize = memory.data(2 * 12, 4);
const OBJECT_BYTES: usize = 12;
const CURRENT: usize = memory.data(4, 4);
/** How often a reader has seen a freed object. */
const SEEN_FREED: usize = memory.data(4, 4);

let rcu: usize = 0;
let rounds: i32 = 0;
let period: usize = 0;
let passed: i32 = 0;
let calls: i32 = 0;

function free(head: usize): void {
  store<i32>(head, FREED, STATE);
  calls++;
}

function synchronize(_argument: usize): i32 {
  rcuSynchronize(rcu);
  passed++;
  return 0;
}

function unlock(_argument: usize): i32 {
  rcuReadUnlock(rcu, period);
  return 0;
}

export function laws(): i32 {
  rcu = rcuCreate();
  nobodyReads();
  oneReads();
  callbacks();
  handlerReads();
  return 0;
}

function nobodyReads(): void {
  for (let n = 1; n <= 3; n++) {
    synchronize(0);
    assert(passed == n, 'without readers nobody waits');
  }
}

/** The grace period ends when the reader does, in another thread; a reader that began later is not waited for. */
function oneReads(): void {
  passed = 0;
  period = rcuReadLock(rcu);
  const waiting = spawn(synchronize, 0);
  while (rcuReadLock(rcu) == period) {
    rcuReadUnlock(rcu, period);
    assert(passed == 0, 'a reader is waited for');
  }
  assert(passed == 0, 'a reader that began with the old period is waited for');
  join(spawn(unlock, 0));
  assert(join(waiting) == 0 && passed == 1, 'the last reader of the old period wakes who waits');
  rcuReadUnlock(rcu, period ^ 8);
  synchronize(0);
  assert(passed == 2, 'all have ended');
}

function callbacks(): void {
  rcuBarrier(rcu);
  assert(calls == 0, 'nothing was to be called');
  store<i32>(OBJECTS, 0, STATE);
  store<i32>(OBJECTS + OBJECT_BYTES, 0, STATE);
  rcuCall(rcu, OBJECTS, free);
  const period = rcuReadLock(rcu);
  rcuCall(rcu, OBJECTS + OBJECT_BYTES, free);
  rcuReadUnlock(rcu, period);
  rcuSynchronize(rcu);
  assert(calls == 0, 'calls are made by rcuBarrier');
  rcuBarrier(rcu);
  assert(calls == 2, 'each call is made');
  assert(load<i32>(OBJECTS, STATE) == FREED, 'with its head');
  assert(load<i32>(OBJECTS + OBJECT_BYTES, STATE) == FREED, 'with its head');
  rcuBarrier(rcu);
  assert(calls == 2, 'each call is made once');
}

function handlerReads(): void {
  signal(SIGNAL, (_signo: i32) => {
    rcuReadUnlock(rcu, rcuReadLock(rcu));
  });
  const period = rcuReadLock(rcu);
  kill(self(), SIGNAL);
  rcuReadUnlock(rcu, period);
  rcuSynchronize(rcu);
}

/** All threads read, the last one also replaces what they read. */
export function hammer(): i32 {
  rcu = rcuCreate();
  rounds = times();
  store<usize>(CURRENT, OBJECTS);
  runThreads((thread: usize): i32 => {
    for (let n = 0; n < rounds; n++) {
      read();
      if (thread == nrThreads() - 1) replace();
    }
    return 0;
  });
  return atomic.load<i32>(SEEN_FREED) + rounds - calls;
}

function read(): void {
  const period = rcuReadLock(rcu);
  const object = rcuDereference(CURRENT);
  for (let n = 0; n < 3; n++) {
    if (atomic.load<i32>(object, STATE) == FREED) atomic.add<i32>(SEEN_FREED, 1);
  }
  rcuReadUnlock(rcu, period);
}

function replace(): void {
  const old = rcuDereference(CURRENT);
  const next = old == OBJECTS ? OBJECTS + OBJECT_BYTES : OBJECTS;
  atomic.store<i32>(next, 0, STATE);
  rcuAssign(CURRENT, next);
  rcuCall(rcu, old, free);
  rcuBarrier(rcu);
}
