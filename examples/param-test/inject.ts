// What may happen between the steps of a thread, again and again: param_test's injection points.
//
//   1  the index is about to be read     4  an operation was aborted     7  between two operations
//   2  it was read                       5  its comparison said no       8  a repetition is over
//   3  the words to compare were read    6  it has committed             9  the next is the section
//
// librseq's points 1 to 6 are inside of its sections, which take longer there. The sections here are the
// library's, and interrupted at every instruction anyway.

import { kill, nanosleep, schedYield, self, signal } from 'wasm-rseq/assembly';
import { Signal } from 'wasm-rseq/src/abi/signal';
import { TIMESPEC_BYTES, TIMESPEC_NANOSECONDS, TIMESPEC_SECONDS } from 'wasm-rseq/src/abi/time';
import { isKilling, isYielding, loopsAt, modulo, sleepMs } from './options';
import { PASSES, DELAY, SENT } from './record';

const handled: usize = memory.data(4);
const duration: usize = memory.data(TIMESPEC_BYTES, 8);

/** Once, before there are other threads. */
export function prepareInjections(): void {
  store<i64>(duration, sleepMs / 1000, TIMESPEC_SECONDS);
  store<i64>(duration, <i64>(sleepMs % 1000) * 1000000, TIMESPEC_NANOSECONDS);
  signal(Signal.SIGUSR1, onSignal);
}

// @ts-ignore: decorator
@inline
export function inject(point: i32, me: usize): void {
  const loops = loopsAt(point);
  if (loops != 0) disturb(loops, me);
}

function disturb(loops: i32, me: usize): void {
  // A store: there the delay itself can be interrupted.
  for (let n = 0; n < loops; n++) store<i32>(me, n, DELAY);
  if (loops > 0 || modulo == 0) return;
  const passes = load<i32>(me, PASSES) + 1;
  store<i32>(me, passes % modulo, PASSES);
  if (passes < modulo) return;
  if (sleepMs > 0) nanosleep(duration, 0);
  if (isYielding) schedYield();
  if (!isKilling) return;
  store<i32>(me, load<i32>(me, SENT) + 1, SENT);
  kill(self(), Signal.SIGUSR1);
}

function onSignal(_signo: i32): void {
  atomic.add<i32>(handled, 1);
}

/** Signals that were handled, by anyone. */
export function handledSignals(): i32 {
  return load<i32>(handled);
}
