// @ts-nocheck AssemblyScript
// The mutex: three threads count in a word that only its holder touches.
// Invariant: one holder at a time, and who sleeps is woken.

import { mutexLock, mutexTryLock, mutexUnlock } from 'wasm-rseq/assembly/mutex';
import { runThreads } from './threads';

const MUTEX: usize = memory.data(4, 4);

let counted: i32 = 0;

function count(_thread: usize): i32 {
  mutexLock(MUTEX);
  counted++;
  mutexUnlock(MUTEX);
  return 0;
}

export function main(): i32 {
  runThreads(count, (_signo: i32) => {});
  assert(counted == 3, 'two held it at once');
  assert(mutexTryLock(MUTEX), 'it is not free');
  assert(!mutexTryLock(MUTEX), 'it was taken twice');
  return 0;
}
