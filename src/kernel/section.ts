// A critical region as an ABI sees it: a half-open range of code addresses and where to restart.

import { Errno } from '../abi/errno.js';
import { CODE_BASE, TASK_SIZE } from '../abi/module.js';

export interface CodeRange {
  readonly start: number;
  readonly end: number;
}

export interface Region extends CodeRange {
  readonly restart: number;
}

/** start <= ip < end. The instruction at `end` has the commit behind it. */
export function contains(range: CodeRange, ip: number): boolean {
  return ip >= range.start && ip < range.end;
}

/** start < ip < end: some of the range is done, and not all of it. */
export function isUnderWay(range: CodeRange, ip: number): boolean {
  return ip > range.start && ip < range.end;
}

export function overlap(one: CodeRange, other: CodeRange): boolean {
  return one.start < other.end && one.end > other.start;
}

/** False for a thread or a handler that has not begun: it is at no address, so in no section. */
export function hasBegun(ip: number): boolean {
  return ip >= CODE_BASE;
}

/**
 * The checks of SET_CRITICAL on its three addresses, in the RFC's order.
 * Errors: EINVAL when start >= end, or the range or the byte at restart is not user space.
 */
export function validateRegion(region: Region): Errno | 0 {
  if (region.start >= region.end) return Errno.EINVAL;
  if (region.end > TASK_SIZE || region.restart >= TASK_SIZE) return Errno.EINVAL;
  return 0;
}
