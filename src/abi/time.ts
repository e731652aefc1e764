// The clocks and struct timespec. Linux's numbers. Compiled by both tsc and asc.
//
// struct timespec, 16 bytes, any alignment:
//   0  i64 seconds       0 or more
//   8  i64 nanoseconds   0 to 999999999

export enum Clock {
  Realtime = 0,
  Monotonic = 1,
  ProcessCpuTime = 2,
  ThreadCpuTime = 3,
  MonotonicRaw = 4,
  RealtimeCoarse = 5,
  MonotonicCoarse = 6,
  BootTime = 7,
}

/** clock_nanosleep: the time is a moment, not a duration. */
export const TIMER_ABSTIME = 1;

export const TIMESPEC_SECONDS = 0;
export const TIMESPEC_NANOSECONDS = 8;
export const TIMESPEC_BYTES = 16;

export const NANOSECONDS_PER_SECOND = 1000000000;
