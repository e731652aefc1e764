// What few threads have, or none for long: kept out of the thread, so that a million of them at rest
// are small and a switch touches little memory. Made by the first write that is not the default.

import type { Registration, RseqIds, SliceExtension } from './rseq/registration.js';
import type { SignalFrame } from './signal-frame.js';
import type { JoinWait } from './wait.js';

export class ThreadExtras {
  /** Who waits for the thread's end. */
  readonly joiners: JoinWait[] = [];

  /** Bit n-1 is signal n. */
  pendingSignals = 0n;
  readonly frames: SignalFrame[] = [];

  /** event-counter, percpu-signal: the area it shares with the kernel, 0 when there is none. */
  area = 0;
  /** event-counter: events so far, as the area has them. */
  eventCounter = 0;
  /** linux, linux-v2: set while it is registered. */
  registration: Registration | undefined = undefined;
  /** linux-v2: what the kernel wrote to the area last. */
  writtenIds: RseqIds | undefined = undefined;
  /** linux-v2 */
  sliceExtension: SliceExtension = 'off';
  /** linux-v2: what a system call has found wrong. Resume work kills for it, with these words. */
  incoherence: string | undefined = undefined;

  // Statistics: redirections with no other exit from user code in between.
  restartsInARow = 0;
  exitsSinceRestart = 0;
  /** Largest slice, in fuel, that such a redirection ended. */
  largestFutileSlice = 0;
  lastRestartedIp = 0;
}

/** What a thread without any reads. Never written. */
export const NO_EXTRAS: Readonly<ThreadExtras> = Object.freeze(new ThreadExtras());
