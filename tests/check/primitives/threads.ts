// @ts-nocheck AssemblyScript
// What the harnesses have in common: three threads, one of which may get a signal at any point.

import {
  join,
  rtSigprocmask,
  schedSetaffinity,
  signal,
  SignalHandler,
  spawn,
  ThreadFunction,
} from 'wasm-rseq/assembly';
import { SIG_BLOCK, SIG_UNBLOCK } from 'wasm-rseq/src/abi/signal';

const SIGNAL: i32 = 10;
const MASK: usize = memory.data(8, 8);
const CPUS: usize = memory.data(8, 8);

let entryIndex: i32 = 0;

/**
 * `entry` on two new threads, with arguments 1 and 2, and on main, with 0, until all have ended. The signal
 * interrupts thread 1 only: where `handler` runs, nothing else of this thread does, and no other handler.
 */
export function runThreads(entry: ThreadFunction, handler: SignalHandler): void {
  entryIndex = entry.index;
  store<u64>(MASK, 1 << (SIGNAL - 1));
  rtSigprocmask(SIG_BLOCK, MASK, 0);
  signal(SIGNAL, handler);
  const first = spawn(withSignal, 1);
  const second = spawn(entry, 2);
  entry(0);
  join(first);
  join(second);
}

function withSignal(argument: usize): i32 {
  rtSigprocmask(SIG_UNBLOCK, MASK, 0);
  return call_indirect<i32>(entryIndex, argument);
}

/** Keep this thread on a CPU, and those that it spawns from now on. */
export function stayOn(cpu: i32): void {
  store<u64>(CPUS, 1 << cpu);
  schedSetaffinity(0, 8, CPUS);
}
