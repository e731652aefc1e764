// @ts-nocheck AssemblyScript
// Meant: a thread and the handler that interrupts it count in the same word, both in a section.
// Invariant: the count is one, and one for every time the handler ran.
// Mistake: the count has no section. The thread loads 0, the handler stores 1, the thread stores 1.

import { rseq, rtSigprocmask, signal } from 'wasm-rseq/assembly';
import { SIG_BLOCK } from 'wasm-rseq/src/abi/signal';

/** i32 count, i32 times the handler ran. */
const COUNT: usize = memory.data(8, 8);
const ALL_SIGNALS: usize = memory.data<u64>([u64.MAX_VALUE]);

function increment(): void {
  store<i32>(COUNT, load<i32>(COUNT) + 1);
}

function onSignal(_signo: i32): void {
  increment();
  store<i32>(COUNT, load<i32>(COUNT, 4) + 1, 4);
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  assert(signal(10, onSignal) == 0, 'no handler');
  increment();
  rtSigprocmask(SIG_BLOCK, ALL_SIGNALS, 0);
  assert(load<i32>(COUNT) == 1 + load<i32>(COUNT, 4), 'an increment was lost');
  return 0;
}
