// Sections that restart again and again: legal, the RFC promises no progress, but worth a word when a
// run stops at its fuel limit.

import type { Thread } from './thread.js';

/** A section that was restarted again and again without an interrupt elsewhere in between. */
export interface Starvation {
  readonly tid: number;
  /** An address inside the section. */
  readonly ip: number;
  readonly restarts: number;
  /** Fuel of the largest slice that was not enough. */
  readonly largestSlice: number;
}

/** The thread has been sent from `ip` to a restart label, in a slice of `sliceFuel`. */
export function noteRestart(thread: Thread, sliceFuel: number, ip: number): void {
  const isInARow = thread.exitsSinceRestart <= 1;
  thread.restartsInARow = isInARow ? thread.restartsInARow + 1 : 1;
  thread.largestFutileSlice =
    thread.restartsInARow === 1 ? sliceFuel : Math.max(thread.largestFutileSlice, sliceFuel);
  thread.exitsSinceRestart = 0;
  thread.lastRestartedIp = ip;
}

/** The thread with the most restarts in a row, if there is one with more than one. */
export function worstStarvation(threads: Iterable<Thread>): Starvation | undefined {
  let worst: Thread | undefined;
  for (const thread of threads) {
    if (thread.restartsInARow > (worst?.restartsInARow ?? 1)) worst = thread;
  }
  if (worst === undefined) return undefined;
  const { tid, lastRestartedIp: ip, restartsInARow: restarts, largestFutileSlice } = worst;
  return { tid, ip, restarts, largestSlice: largestFutileSlice };
}
