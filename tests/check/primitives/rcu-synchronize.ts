// @ts-nocheck AssemblyScript
// RCU's updater: two threads read on one CPU what the third, on the other, replaces twice and frees each time
// when no reader can see it any more.
// Invariant: a reader never sees what has been freed, and who waits is woken.

import { join, rseq, spawn } from 'wasm-rseq/assembly';
import {
  rcuAssign,
  rcuCreate,
  rcuDereference,
  rcuReadLock,
  rcuReadUnlock,
  rcuSynchronize,
} from 'wasm-rseq/assembly/percpu/rcu';
import { stayOn } from './threads';

const FREED: i32 = 0xdead;
/** usize address of the version in force. */
const CURRENT: usize = memory.data(4, 4);
const FIRST: usize = memory.data(4, 4);
const SECOND: usize = memory.data(4, 4);

let rcu: usize = 0;

function read(_argument: usize): i32 {
  const period = rcuReadLock(rcu);
  const version = rcuDereference(CURRENT);
  assert(load<i32>(version) != FREED, 'a reader saw freed memory');
  rcuReadUnlock(rcu, period);
  return 0;
}

function replace(version: usize, next: usize): void {
  store<i32>(next, 1);
  rcuAssign(CURRENT, next);
  rcuSynchronize(rcu);
  store<i32>(version, FREED);
}

function update(_argument: usize): i32 {
  replace(FIRST, SECOND);
  replace(SECOND, FIRST);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  rcu = rcuCreate();
  store<usize>(CURRENT, FIRST);
  stayOn(1);
  const updater = spawn(update, 0);
  stayOn(0);
  const reader = spawn(read, 0);
  read(0);
  join(reader);
  join(updater);
  return 0;
}
