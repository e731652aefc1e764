// @ts-nocheck AssemblyScript
// What may happen between the steps of a thread, again and again: librseq's injection points in C.

import { kill, nanosleep, schedYield, self, signal } from 'wasm-rseq/assembly';
import { Signal } from 'wasm-rseq/src/abi/signal';
import { TIMESPEC_BYTES, TIMESPEC_NANOSECONDS } from 'wasm-rseq/src/abi/time';

/** A thread's record begins with these two counts. */
const PASSES: usize = 0;
const SENT: usize = 4;
/** Bytes of a record for whom it belongs to. */
export const RECORD_BYTES: usize = 64;
export const RECORD_FREE: usize = 8;

const DELAY: i32 = 50;
const SLEEP_NANOSECONDS: i64 = 2000;

let what: i32 = 0;
let oneIn: i32 = 1;
const handled: usize = memory.data(4);
const duration: usize = memory.data(TIMESPEC_BYTES, 8);

/** what: 0 nothing, 1 a delay, 2 sched_yield, 3 a signal to oneself, 4 a sleep. */
export function disturbBy(kind: i32, passes: i32): void {
  what = kind;
  oneIn = max(passes, 1);
  store<i64>(duration, SLEEP_NANOSECONDS, TIMESPEC_NANOSECONDS);
  signal(Signal.SIGUSR1, onSignal);
}

export function disturb(me: usize): void {
  if (what == 0) return;
  const passes = load<i32>(me, PASSES) + 1;
  store<i32>(me, passes, PASSES);
  if (passes % oneIn != 0) return;
  if (what == 1) {
    for (let n = 0; n < DELAY; n++) store<i32>(me, passes, PASSES);
  } else if (what == 2) {
    schedYield();
  } else if (what == 3) {
    store<i32>(me, load<i32>(me, SENT) + 1, SENT);
    kill(self(), Signal.SIGUSR1);
  } else {
    nanosleep(duration, 0);
  }
}

function onSignal(_signo: i32): void {
  atomic.add<i32>(handled, 1);
}

/** Signals that the threads of these records have sent and not got. */
export function lostSignals(records: usize, count: i32): i32 {
  let sent = 0;
  for (let n = 0; n < count; n++) sent += load<i32>(records + <usize>n * RECORD_BYTES, SENT);
  return sent - load<i32>(handled);
}
