// What a blocked thread waits for.

export interface Wait {
  /** Virtual time in nanoseconds at which the wait ends by itself; Infinity: never. */
  readonly deadline: number;
  /** The wait is over before what was waited for has come: leave the queue it waits in. */
  leave(): void;
  /** Result of the system call when the deadline has come. */
  onTimeout(): number;
  /** Result when a signal that will be delivered has come first. */
  onSignal(): number;
}
