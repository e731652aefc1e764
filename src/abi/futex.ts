// futex(address, op, value, timeout, address2, value3), number 202: the operations that are there and
// the flags that may be added, Linux's numbers. Compiled by both tsc and asc.

export enum FutexOp {
  /** Sleep while *address is `value`; the timeout is relative. */
  Wait = 0,
  /** Wake `value` threads, one at least. */
  Wake = 1,
  /** Wake `value` threads and move as many more as `timeout` says, a number here, to address2. */
  Requeue = 3,
  /** The same, if *address is `value3`. */
  CmpRequeue = 4,
  /** Sleep for the bits of `value3`; the timeout is absolute. */
  WaitBitset = 9,
  /** Wake threads that sleep for a bit of `value3`. */
  WakeBitset = 10,
}

/** Threads of one process only. A futex with it and one without are two, though the word is one. */
export const FUTEX_PRIVATE_FLAG = 128;
/** WaitBitset only: the timeout is by the realtime clock. */
export const FUTEX_CLOCK_REALTIME = 256;
export const FUTEX_BITSET_MATCH_ANY = -1;
