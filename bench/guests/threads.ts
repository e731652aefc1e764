// === threads: as many as there is room for, all suspended at once ==================================
//
// Arguments: how many; rounds that warm up; rounds that are timed. The harness's scheduler gives main all the time it wants, and every other
// thread less than it takes to find out that it has to wait. So whenever main yields, each of the others
// is preempted once before main comes back.
//
// Main writes a letter, and how far its heap goes, when a part is over: a, nothing; b, all are spawned; c, all
// have been preempted; d, the engine is warm; e, all have been preempted `rounds` times more.

import { rseq, spawn, thread, write } from '../../assembly';
import { decimal } from './arguments';

const STDOUT: i32 = 1;
const REPORT: usize = memory.data(8);

/** i32: set when the others are to end; i32: how many have. Only one CPU, so one counter. */
const IS_OVER: usize = memory.data(8);
const ENDED: usize = 4;

function wait(_argument: usize): i32 {
  while (load<i32>(IS_OVER) == 0) {}
  rseq.restart();
  rseq.start();
  store<i32>(IS_OVER, load<i32>(IS_OVER, ENDED) + 1, ENDED);
  rseq.end();
  return 0;
}

function tell(letter: u32): void {
  store<u32>(REPORT, letter);
  store<usize>(REPORT, heap.alloc(1), 4);
  write(STDOUT, REPORT, 8);
}

export function main(): i32 {
  const count = decimal(0, 10);
  assert(rseq.register() == 0);
  tell(0x61);
  for (let i = 0; i < count; i++) {
    if (spawn(wait, 0) < 0) return 1;
  }
  tell(0x62);
  thread.yield();
  tell(0x63);
  for (let rounds = decimal(1, 0); rounds > 0; rounds--) thread.yield();
  tell(0x64);
  for (let rounds = decimal(2, 1); rounds > 0; rounds--) thread.yield();
  tell(0x65);
  store<i32>(IS_OVER, 1);
  while (load<i32>(IS_OVER, ENDED) < count) thread.yield();
  return 0;
}
