// === mutex: a lock to sleep on ===================================================================
//
//   mutex ──► i32   0 free   1 held   2 held, and somebody may sleep
//
// "mutex2" of Drepper, "Futexes Are Tricky": nobody calls the kernel while there is nobody to wait for.
// Who has slept takes the lock as 2: it cannot know whether it was the only one.
//
// Not recursive. Not in a handler that may interrupt a holder: that would wait for itself.

import { futexWait, futexWake } from './sys';

const FREE: i32 = 0;
const HELD: i32 = 1;
const CONTENDED: i32 = 2;

/** Bytes of a mutex, aligned to 4; all zero is a free one. */
export const MUTEX_BYTES: usize = 4;

/** Take the mutex; sleep until it is free. */
export function mutexLock(mutex: usize): void {
  if (mutexTryLock(mutex)) return;
  while (atomic.xchg<i32>(mutex, CONTENDED) != FREE) futexWait(mutex, CONTENDED, 0);
}

/** Take the mutex if it is free. Returns whether it was. */
export function mutexTryLock(mutex: usize): bool {
  return atomic.cmpxchg<i32>(mutex, FREE, HELD) == FREE;
}

/** Preconditions: the caller holds it. */
export function mutexUnlock(mutex: usize): void {
  if (atomic.xchg<i32>(mutex, FREE) == CONTENDED) futexWake(mutex, 1);
}
