// @ts-nocheck AssemblyScript
// RCU's callbacks: one thread replaces what two others, on another CPU, may read, and has it freed; one of
// these has something freed, too. Both wait for that.
// Invariant: a reader never sees what has been freed, and who has waited finds it freed, once.

import { join, rseq, spawn } from 'wasm-rseq/assembly';
import {
  rcuAssign,
  rcuBarrier,
  rcuCall,
  rcuCreate,
  rcuDereference,
  rcuReadLock,
  rcuReadUnlock,
} from 'wasm-rseq/assembly/percpu/rcu';
import { stayOn } from './threads';

/** An object: an rcu head, then i32 how often it was freed. */
const FREED: usize = 8;
/** usize address of the object in force. */
const CURRENT: usize = memory.data(4, 4);
const OLD: usize = memory.data(12, 4);
const NEW: usize = memory.data(12, 4);
const OTHER: usize = memory.data(12, 4);

let rcu: usize = 0;

function read(_argument: usize): i32 {
  const period = rcuReadLock(rcu);
  const object = rcuDereference(CURRENT);
  assert(load<i32>(object, FREED) == 0, 'a reader saw freed memory');
  rcuReadUnlock(rcu, period);
  return 0;
}

function free(object: usize): void {
  store<i32>(object, load<i32>(object, FREED) + 1, FREED);
}

function freeLater(object: usize): void {
  rcuCall(rcu, object, free);
  rcuBarrier(rcu);
  assert(load<i32>(object, FREED) == 1, 'not freed, or twice');
}

function update(_argument: usize): i32 {
  rcuAssign(CURRENT, NEW);
  freeLater(OLD);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  rcu = rcuCreate();
  store<usize>(CURRENT, OLD);
  stayOn(1);
  const updater = spawn(update, 0);
  stayOn(0);
  const reader = spawn(read, 0);
  rcuReadUnlock(rcu, rcuReadLock(rcu));
  freeLater(OTHER);
  join(reader);
  join(updater);
  return 0;
}
