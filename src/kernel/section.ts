// A critical region as an ABI sees it: a half-open range of code addresses and where to restart.

import { Errno } from '../abi/errno.js';
import { TASK_SIZE } from '../abi/module.js';

export interface Region {
  readonly start: number;
  readonly end: number;
  readonly restart: number;
}

/** start <= ip < end. The instruction at `end` has the commit behind it. */
export function contains(region: Region, ip: number): boolean {
  return ip >= region.start && ip < region.end;
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
