// The operations of rasctl(address, length, op), NetBSD 2.0: restartable atomic sequences on one CPU.

export enum RasOp {
  /** A sequence of the process: a thread that loses the CPU inside goes on at its first address. */
  Install = 0,
  /** Forget the sequence with exactly this address and length. */
  Purge = 1,
  PurgeAll = 2,
}

/** Sequences a process may have. */
export const RAS_LIMIT = 16;
