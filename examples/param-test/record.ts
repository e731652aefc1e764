// What a thread knows of itself: 64 bytes of its own, at the address that is called `me`.

/** Repetitions of -m since something was done. */
export const PASSES: usize = 0;
/** Signals it has sent itself. */
export const SENT: usize = 4;
/** Operations that were aborted, or on another CPU. */
export const ABORTS: usize = 8;
/** The counter of a delay. */
export const DELAY: usize = 12;
export const IS_REGISTERED: usize = 16;
/** Room for the node that a list's pop has found. */
export const FOUND: usize = 20;
/** Room for an item of the memcpy buffer. */
export const ITEM: usize = 32;
export const RECORD_BYTES: usize = 64;
