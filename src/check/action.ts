// What can happen next: a thread runs on a CPU up to its next interruption point, a thread gets a signal,
// or the time of the next timer comes. Each is one word.

import { CPU_BITS, CPU_MASK, EVENT_MASK, TID_SHIFT } from './search-layout.js';
import { type Choice, CPU_LOST, TIME_PASSES } from '../kernel/scheduler.js';

/** CPUs that a checked program can have. */
export const MAX_CHECKED_CPUS: number = CPU_MASK + 1;

/** In the place of a signal. */
const RUN = 0;
const TIME = 127 << CPU_BITS;
const PARK = 126 << CPU_BITS;

export type Action = number;

export function runAction(tid: number, cpu: number): Action {
  return (tid << TID_SHIFT) | cpu;
}

export function signalAction(tid: number, signo: number): Action {
  return (tid << TID_SHIFT) | (signo << CPU_BITS);
}

export const TIME_ACTION: Action = TIME;

/** The thread that has the CPU loses it: to nobody, or as the first half of giving it to another. */
export function parkAction(cpu: number): Action {
  return PARK | cpu;
}

export function isPark(action: Action): boolean {
  return (action & EVENT_MASK) === PARK;
}

/** 0 for what no thread does. */
export function tidOf(action: Action): number {
  return action >>> TID_SHIFT;
}

/** The same by another thread. */
export function withTid(action: Action, tid: number): Action {
  return (action & ((1 << TID_SHIFT) - 1)) | (tid << TID_SHIFT);
}

export function cpuOf(action: Action): number {
  return action & CPU_MASK;
}

export function isRun(action: Action): boolean {
  return (action & EVENT_MASK) === RUN;
}

/** The signal that the thread gets, or 0. */
export function signalOf(action: Action): number {
  const event = action & EVENT_MASK;
  return event >= PARK ? 0 : event >>> CPU_BITS;
}

/** As a slice of a schedule: fuel 1 ends at the next point, whatever it costs to get there. */
export function toChoice(action: Action, choice: Choice): void {
  choice.tid = tidOf(action);
  choice.cpu = cpuOf(action);
  choice.fuel = isRun(action) ? 1 : 0;
  if (isPark(action)) choice.event = CPU_LOST;
  else choice.event = isRun(action) || action === TIME_ACTION ? TIME_PASSES : signalOf(action);
}
