// @ts-nocheck AssemblyScript
// What the guests have in common: the threads of a hammer.

import { join, nrThreads, spawn, ThreadFunction } from 'wasm-rseq/assembly';
import { numberAt } from './arguments';

/** How often each thread of a hammer does it. */
export function times(): i32 {
  return numberAt(2);
}

/** `entry` on nrThreads threads, with their numbers, 0 and up, to their ends. */
export function runThreads(entry: ThreadFunction): void {
  const tids = new StaticArray<i32>(nrThreads());
  for (let n = 0; n < nrThreads(); n++) tids[n] = spawn(entry, n);
  for (let n = 0; n < nrThreads(); n++) assert(join(tids[n]) == 0, 'a thread failed');
}
