// What becomes of a wait that ends before what was waited for has come, by its kind.

import { Errno } from '../abi/errno.js';
import type { FutexTable } from './futex.js';
import { panic } from './panic.js';
import { THREAD_FUEL } from './prices.js';
import { writeTimespec } from './time.js';
import type { JoinWait, Wait } from './wait.js';

/** What a wait may be queued in, and what it is measured by. */
export interface WaitPlaces {
  readonly futexes: FutexTable;
  readonly joinersOfAll: JoinWait[];
  readonly now: number;
  charge(fuel: number): void;
}

/** Out of the queue it is in, but for that of the timers. */
export function leave(wait: Wait, places: WaitPlaces): void {
  const { futexes, joinersOfAll } = places;
  switch (wait.kind) {
    case 'futex':
      futexes.remove(wait);
      break;
    case 'join': {
      const joiners = wait.target?.ownExtras.joiners ?? joinersOfAll;
      places.charge(THREAD_FUEL * joiners.length);
      joiners.splice(joiners.indexOf(wait), 1);
      break;
    }
    case 'sleep':
      break;
    default:
      wait satisfies never;
  }
}

/** Result of the system call when the deadline has come. */
export function timeoutResult(wait: Wait): number {
  if (wait.kind === 'join') panic('timeoutResult', 'a join with a deadline');
  return wait.kind === 'futex' ? -Errno.ETIMEDOUT : 0;
}

/** Result when a signal that will be delivered has come first. */
export function interruptionResult(wait: Wait, { now }: WaitPlaces): number {
  if (wait.kind !== 'sleep' || wait.remaining === 0) return -Errno.EINTR;
  const { memory } = wait.thread.process;
  const isWritten = writeTimespec(memory, wait.remaining, wait.deadline - now);
  return isWritten ? -Errno.EINTR : -Errno.EFAULT;
}
