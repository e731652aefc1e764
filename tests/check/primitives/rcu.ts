// @ts-nocheck AssemblyScript
// RCU's readers: three threads, and a handler, begin to read on whatever CPU they are on; main ends what
// they have begun.
// Invariant: no begin and no end is lost, so whoever waits for all readers does not wait for ever, and does
// wait while one is left.

import { rseq } from 'wasm-rseq/assembly';
import {
  rcuCreate,
  rcuReadLock,
  rcuReadUnlock,
  rcuSynchronize,
} from 'wasm-rseq/assembly/percpu/rcu';
import { runThreads } from './threads';

let rcu: usize = 0;
let handled: i32 = 0;

function read(_thread: usize): i32 {
  assert(rcuReadLock(rcu) == 0, 'another period has begun');
  return 0;
}

function onSignal(_signo: i32): void {
  read(0);
  handled++;
}

export function main(): i32 {
  // Not registered yet: these are counted on no CPU.
  rcu = rcuCreate();
  rcuReadUnlock(rcu, rcuReadLock(rcu));
  assert(rseq.register() == 0, 'registration failed');
  runThreads(read, onSignal);
  for (let reader = 0; reader < 3 + handled; reader++) rcuReadUnlock(rcu, 0);
  rcuSynchronize(rcu);
  return 0;
}
