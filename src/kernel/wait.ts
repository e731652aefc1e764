// What a blocked thread waits for. Plain data without a function in it, so that the state of a kernel
// can be written down.

import type { FutexKey } from './futex.js';
import type { Thread } from './thread.js';

interface Waiting {
  readonly thread: Thread;
  /** Virtual time in nanoseconds at which the wait ends by itself; Infinity: never. */
  readonly deadline: number;
  /** Place in the timer queue, -1 when it is in none. Writer: that queue only. */
  timerSlot: number;
  timerSequence: number;
}

/** To be woken by who uses the same word. */
export interface FutexWait extends Waiting {
  readonly kind: 'futex';
  readonly bitset: number;
  // Its place among those who wait there. Writer: the futex table only.
  key: FutexKey;
  previous: FutexWait | undefined;
  next: FutexWait | undefined;
}

/**
 * For the end of another thread, or of all others without a target; `status` is where the exit status goes,
 * 0: it is the result.
 */
export interface JoinWait extends Waiting {
  readonly kind: 'join';
  readonly target: Thread | undefined;
  readonly status: number;
}

/** For the deadline; `remaining` is where a signal finds the rest of the time, 0: nowhere. */
export interface SleepWait extends Waiting {
  readonly kind: 'sleep';
  readonly remaining: number;
}

export type Wait = FutexWait | JoinWait | SleepWait;

/** What all waits are made with: nobody has queued them for their deadline yet. */
export function waiting(thread: Thread, deadline: number): Waiting {
  return { thread, deadline, timerSlot: -1, timerSequence: 0 };
}
