// Virtual time as the guest sees it: timespecs, clock_gettime, nanosleep and clock_nanosleep. An
// instruction takes a nanosecond; while every thread waits, time goes on to the next deadline at
// once. All clocks began at 0 when the kernel was booted.
//
// Invariant: a time is a whole number of nanoseconds from 0 to END_OF_TIME.

import { Errno } from '../abi/errno.js';
import {
  Clock,
  NANOSECONDS_PER_SECOND,
  TIMER_ABSTIME,
  TIMESPEC_BYTES,
  TIMESPEC_NANOSECONDS,
  TIMESPEC_SECONDS,
} from '../abi/time.js';
import type { Memory } from './memory.js';
import type { Thread } from './thread.js';
import { type Wait, waiting } from './wait.js';

/** The last moment, 104 days after boot: later ones are taken for it, and the clocks stop there. */
export const END_OF_TIME: number = Number.MAX_SAFE_INTEGER;

/** What these calls need of the kernel. */
export interface Timekeeping {
  readonly now: number;
  /** Nanoseconds in which instructions were executed. */
  readonly busyTime: number;
  block(thread: Thread, wait: Wait): number | undefined;
}

/** Nanoseconds in a struct timespec. Errors, in this order: EFAULT; EINVAL for what is no time. */
export function readTimespec(memory: Memory, address: number): number {
  const bytes = memory.copyIn(address, TIMESPEC_BYTES);
  if (bytes === undefined) return -Errno.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const seconds = Number(view.getBigInt64(TIMESPEC_SECONDS, true));
  const nanoseconds = Number(view.getBigInt64(TIMESPEC_NANOSECONDS, true));
  if (seconds < 0 || nanoseconds < 0 || nanoseconds >= NANOSECONDS_PER_SECOND) return -Errno.EINVAL;
  return Math.min(seconds * NANOSECONDS_PER_SECOND + nanoseconds, END_OF_TIME);
}

/** False on a fault; then nothing was written. */
export function writeTimespec(memory: Memory, address: number, time: number): boolean {
  const bytes = new Uint8Array(TIMESPEC_BYTES);
  const view = new DataView(bytes.buffer);
  const nanoseconds = time % NANOSECONDS_PER_SECOND;
  const seconds = (time - nanoseconds) / NANOSECONDS_PER_SECOND;
  view.setBigInt64(TIMESPEC_SECONDS, BigInt(seconds), true);
  view.setBigInt64(TIMESPEC_NANOSECONDS, BigInt(nanoseconds), true);
  return memory.copyOut(address, bytes);
}

/** The moment that is `duration` from now. */
export function momentAfter({ now }: Pick<Timekeeping, 'now'>, duration: number): number {
  return Math.min(now + duration, END_OF_TIME);
}

/** clock_gettime. Errors, in this order: EINVAL no such clock; EFAULT. */
export function clockGettime(
  kernel: Timekeeping,
  thread: Thread,
  clock: number,
  address: number,
): number {
  const time = timeOf(kernel, thread, clock);
  if (time === undefined) return -Errno.EINVAL;
  return writeTimespec(thread.process.memory, address, time) ? 0 : -Errno.EFAULT;
}

function timeOf(kernel: Timekeeping, thread: Thread, clock: number): number | undefined {
  if (clock === Clock.ProcessCpuTime) return kernel.busyTime;
  if (clock === Clock.ThreadCpuTime) return thread.cpuTime;
  return clock in Clock ? kernel.now : undefined;
}

/** nanosleep. Errors, in this order: EFAULT; EINVAL; EINTR, the rest of the time in `remaining`. */
export function nanosleep(
  kernel: Timekeeping,
  thread: Thread,
  request: number,
  remaining: number,
): number | undefined {
  const duration = readTimespec(thread.process.memory, request);
  if (duration < 0) return duration;
  return sleepUntil(kernel, thread, momentAfter(kernel, duration), remaining);
}

/**
 * clock_nanosleep. Errors, in this order: EINVAL no such clock; EOPNOTSUPP none to sleep by; EFAULT;
 * EINVAL; EINTR, the rest of a duration in `remaining`.
 */
export function clockNanosleep(
  kernel: Timekeeping,
  thread: Thread,
  clock: number,
  flags: number,
  request: number,
  remaining: number,
): number | undefined {
  if (!(clock in Clock)) return -Errno.EINVAL;
  if (!canSleepBy(clock)) return -Errno.EOPNOTSUPP;
  if ((flags & TIMER_ABSTIME) === 0) return nanosleep(kernel, thread, request, remaining);
  const moment = readTimespec(thread.process.memory, request);
  return moment < 0 ? moment : sleepUntil(kernel, thread, moment, 0);
}

function canSleepBy(clock: Clock): boolean {
  return clock === Clock.Realtime || clock === Clock.Monotonic || clock === Clock.BootTime;
}

function sleepUntil(
  kernel: Timekeeping,
  thread: Thread,
  deadline: number,
  remaining: number,
): number | undefined {
  return kernel.block(thread, { kind: 'sleep', ...waiting(thread, deadline), remaining });
}
