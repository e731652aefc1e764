// What the kernel's own work costs the run, in units of fuel, so that no program makes its host work for
// nothing. It counts against the run's limit only: it takes no virtual time, and nothing of a slice.

import { BYTES_PER_FUEL } from '../abi/module.js';

/** Any system call, whatever becomes of it. */
export const CALL_FUEL = 100;
/** Every thread or waiter that a call goes through. */
export const THREAD_FUEL = 10;
/**
 * Bytes of a stack that a thread may be suspended with for nothing. An ordinary one has less; it must, for
 * how many a frame takes is up to the toolchain, and no run should change with that.
 */
export const FREE_STACK_BYTES = 16_384;
/** Every frame is code that is run, out and in again. */
const STACK_BYTES_PER_FUEL = 16;
/** A generator takes longer than a copy. */
const RANDOM_BYTES_PER_FUEL = 8;

/** For bytes that are copied. */
export function copyPrice(bytes: number): number {
  return Math.floor(bytes / BYTES_PER_FUEL);
}

/** For bytes that getrandom makes. */
export function randomPrice(bytes: number): number {
  return Math.floor(bytes / RANDOM_BYTES_PER_FUEL);
}

/** For a stack of more than FREE_STACK_BYTES that is unwound, and will be rewound. */
export function stackPrice(bytes: number): number {
  return Math.floor((bytes - FREE_STACK_BYTES) / STACK_BYTES_PER_FUEL);
}
