// === mutex: a lock to sleep on =====================================================================
//
//   word: 0 free   1 taken   2 taken, and somebody may sleep
//
// After Drepper, "Futexes Are Tricky", mutex 2. Who finds it free pays one compare-exchange and, to give
// it back, one exchange. Not recursive, and not for signal handlers: one that interrupts the owner waits
// for ever.

import { futexWait, futexWake } from './sys';

/** Bytes of a mutex, which is free when they are zero. */
export const MUTEX_BYTES: usize = 4;

/** Take the mutex at `word`; sleeps while another thread has it. */
export function mutexLock(word: usize): void {
  if (atomic.cmpxchg<i32>(word, 0, 1) == 0) return;
  while (atomic.xchg<i32>(word, 2) != 0) futexWait(word, 2, 0);
}

/** Take it if it is free. Returns whether it was. */
export function mutexTryLock(word: usize): bool {
  return atomic.cmpxchg<i32>(word, 0, 1) == 0;
}

/** Give it back. Preconditions: the caller has it. */
export function mutexUnlock(word: usize): void {
  if (atomic.xchg<i32>(word, 0) == 2) futexWake(word, 1);
}
