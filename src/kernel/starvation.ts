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
  const streak = thread.ownExtras;
  const isInARow = streak.exitsSinceRestart <= 1;
  streak.restartsInARow = isInARow ? streak.restartsInARow + 1 : 1;
  streak.largestFutileSlice =
    streak.restartsInARow === 1 ? sliceFuel : Math.max(streak.largestFutileSlice, sliceFuel);
  streak.exitsSinceRestart = 0;
  streak.lastRestartedIp = ip;
}

/** The thread with the most restarts in a row, if there is one with more than one. */
export function worstStarvation(threads: Iterable<Thread>): Starvation | undefined {
  let worst: Thread | undefined;
  for (const thread of threads) {
    const most = worst?.someExtras.restartsInARow ?? 1;
    if (thread.someExtras.restartsInARow > most) worst = thread;
  }
  if (worst === undefined) return undefined;
  const { lastRestartedIp: ip, restartsInARow: restarts, largestFutileSlice } = worst.someExtras;
  return { tid: worst.tid, ip, restarts, largestSlice: largestFutileSlice };
}
