// The threads of a test. Those that do not register take part too: they know no CPU, and no section of theirs is
// restarted, so they share a slot of the data among them, and take turns by an atomic lock.

import { clone, join, print, schedYield, spawn } from 'wasm-rseq/assembly';
import { alignTcb, initArea, TCB_ROOM } from 'wasm-rseq/assembly/tcb';
import { handledSignals, inject } from './inject';
import { zeroed } from './memory';
import { isVerbose, reps, threads, unregisteredEvery } from './options';
import { ABORTS, IS_REGISTERED, RECORD_BYTES, SENT } from './record';

/** What a thread does with its record. */
export type Work = (me: usize) => void;

let work: i32 = 0;
const guard: usize = memory.data(4);
let records: usize = 0;
let tids: usize = 0;

/** Start all threads, each of which does `each` as often as -r says. */
export function startRepetitions(each: Work): void {
  work = each.index;
  start(repeat, repeatAlone);
}

/** Start all threads, all of which register, each of which does `once`. */
export function startWork(once: Work): void {
  work = once.index;
  start(doWork, doWork);
}

/** Wait for the threads. Returns whether every signal they sent has been handled. */
export function joinThreads(): bool {
  let sent = 0;
  let aborts: i64 = 0;
  for (let n: usize = 0; n < <usize>threads; n++) {
    assert(join(load<i32>(tids + n * 4)) == 0, 'a thread failed');
    sent += load<i32>(records + n * RECORD_BYTES, SENT);
    aborts += load<i32>(records + n * RECORD_BYTES, ABORTS);
  }
  if (isVerbose) print(`${threads} threads, ${aborts} tries aborted, ${sent} signals\n`);
  return sent == handledSignals();
}

type Entry = (me: usize) => i32;

function start(registered: Entry, unregistered: Entry): void {
  records = zeroed(<usize>threads * RECORD_BYTES);
  tids = zeroed(<usize>threads * 4);
  for (let n = 0; n < threads; n++) {
    const me = records + <usize>n * RECORD_BYTES;
    const isRegistered = unregisteredEvery == 0 || n % unregisteredEvery != 0;
    store<i32>(me, isRegistered ? 1 : 0, IS_REGISTERED);
    const tid = isRegistered ? spawn(registered, me) : spawnUnregistered(unregistered, me);
    assert(tid > 0, 'too many threads');
    store<i32>(tids + <usize>n * 4, tid);
  }
}

/** spawn of the library, without registration. */
function spawnUnregistered(entry: Entry, me: usize): i32 {
  const tcb = alignTcb(zeroed(TCB_ROOM));
  initArea(tcb);
  return clone(entry.index, me, tcb);
}

function repeat(me: usize): i32 {
  for (let n = 0; n < reps; n++) doWork(me);
  return 0;
}

function repeatAlone(me: usize): i32 {
  for (let n = 0; n < reps; n++) {
    while (atomic.cmpxchg<i32>(guard, 0, 1) != 0) schedYield();
    doWork(me);
    atomic.store<i32>(guard, 0);
  }
  return 0;
}

function doWork(me: usize): i32 {
  call_indirect<void>(work, me);
  inject(8, me);
  return 0;
}
