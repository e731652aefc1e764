// Port: the oracle through which every choice of the kernel goes. A recorded run replays by putting
// a scheduler here that repeats the recording. After shuttle's Scheduler trait.
//
// Law R1 shows in the type: a scheduler sees queues and affinities, never registers or sections.

import { NSIG } from '../abi/signal.js';
import type { Cpu } from './cpu.js';
import type { Thread } from './thread.js';

/** Run `thread` on `cpu` for `fuel` instructions; with fuel 0, let something happen instead. */
export interface Choice {
  cpu: number;
  tid: number;
  fuel: number;
  /** What happens when fuel is 0: TIME_PASSES, CPU_LOST, or the number of a signal that the thread gets. */
  event?: number;
}

/** Event: the time of the next timer has come. Without one nothing happens. */
export const TIME_PASSES = 0;

/** Event: the thread that has `cpu` loses it to nobody in the program, behind the last signal. */
export const CPU_LOST: number = NSIG + 1;

export interface SchedulerView {
  readonly cpus: readonly Cpu[];
  /** Threads that could run now, on whatever CPU. At least one when `pick` is called. */
  readonly runnableCount: number;
  /** The thread with this number, when it could run now. */
  runnable(tid: number): Thread | undefined;
  isOnline(cpu: number): boolean;
}

export interface Scheduler {
  readonly name: string;
  /**
   * Decide the next slice, into `choice`.
   * Postconditions: the thread is runnable, may run on the CPU, and fuel is a positive integer; or fuel is
   * 0 and the event is one.
   */
  pick(view: SchedulerView, choice: Choice): void;
}

/** The thread that `cpu` runs and could go on with. */
export function runningThread(cpu: Cpu): Thread | undefined {
  return cpu.current?.isRunnable ? cpu.current : undefined;
}

/** Of a long queue whose threads may all not run there, no more are asked: a search must not take long. */
const MOST_ASKED = 64;

/** A queued thread of the longest other queue that may run on `cpu`; the first of them, or none. */
export function stealFor(cpu: Cpu, view: SchedulerView): Thread | undefined {
  let longest: Cpu | undefined;
  for (const other of view.cpus) {
    if (other === cpu || other.queue.length === 0) continue;
    if (longest === undefined || other.queue.length > longest.queue.length) longest = other;
  }
  if (longest === undefined) return undefined;
  for (let index = 0; index < Math.min(longest.queue.length, MOST_ASKED); index++) {
    const thread = longest.queue.at(index);
    if (thread.affinity.has(cpu.id)) return thread;
  }
  return undefined;
}
