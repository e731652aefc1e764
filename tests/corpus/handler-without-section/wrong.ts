// @ts-nocheck AssemblyScript
// Meant: as signal-handler, for an ABI in which only a section in the handler restarts the one
// interrupted.
// Invariant: the count is one, and one for every time the handler ran.
// Mistake: the handler counts without a section. The thread is interrupted in its section with 0
// loaded, the handler stores 1; nothing restarts the thread, which stores 1.

import { rseq, rtSigprocmask, signal } from 'wasm-rseq/assembly';
import { SIG_BLOCK } from 'wasm-rseq/src/abi/signal';

/** i32 count, i32 times the handler ran. */
const COUNT: usize = memory.data(8, 8);
const ALL_SIGNALS: usize = memory.data<u64>([u64.MAX_VALUE]);

function onSignal(_signo: i32): void {
  store<i32>(COUNT, load<i32>(COUNT) + 1);
  store<i32>(COUNT, load<i32>(COUNT, 4) + 1, 4);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  assert(signal(10, onSignal) == 0, 'no handler');
  rseq.restart();
  rseq.start();
  store<i32>(COUNT, load<i32>(COUNT) + 1);
  rseq.end();
  rtSigprocmask(SIG_BLOCK, ALL_SIGNALS, 0);
  assert(load<i32>(COUNT) == 1 + load<i32>(COUNT, 4), 'an increment was lost');
  return 0;
}
