// A kernel over scripts, and what a test wants to see of it.

import { Kernel, type KernelOptions } from '../../src/kernel/kernel.js';
import type { Thread } from '../../src/kernel/thread.js';
import { TurnerPersonality } from '../../src/kernel/rseq/turner.js';
import { ReplayScheduler } from '../../src/kernel/schedulers/replay.js';
import { RoundRobinScheduler } from '../../src/kernel/schedulers/round-robin.js';
import type { Observer, TraceEvent } from '../../src/kernel/trace.js';
import { CLONE_THREAD_FLAGS, Sysno } from '../../src/abi/syscall.js';
import { ArrayMemory } from './array-memory.js';
import {
  act,
  ScriptedMachine,
  type Scripts,
  type Step,
  syscall,
  type Word,
} from './scripted-machine.js';

export const MEMORY_BYTES = 4096;

/** An address that no memory of a test reaches. */
export const WILD: number = 0x7fff0000;

export interface Event {
  readonly kind: TraceEvent;
  readonly time: number;
  readonly cpu: number;
  readonly tid: number;
  readonly a: number;
  readonly b: number;
}

export interface Booted {
  readonly kernel: Kernel;
  readonly machine: ScriptedMachine;
  readonly memory: ArrayMemory;
  readonly events: readonly Event[];
}

/** One CPU, round robin over 10 steps, unless the options say otherwise. */
export function boot(scripts: Scripts, options: Partial<KernelOptions> = {}): Booted {
  const events: Event[] = [];
  const recorder: Observer = {
    event: (kind, time, cpu, tid, a, b) => events.push({ kind, time, cpu, tid, a, b }),
  };
  const memory = new ArrayMemory(MEMORY_BYTES);
  const machine = new ScriptedMachine(scripts, memory);
  const kernel = new Kernel({
    machine,
    memory,
    scheduler: new RoundRobinScheduler(10),
    personality: new TurnerPersonality(),
    cpus: 1,
    fuelLimit: 10_000,
    threadLimit: 16,
    ...options,
    observers: [recorder, ...(options.observers ?? [])],
  });
  return { kernel, machine, memory, events };
}

/**
 * A scheduler that makes these choices, in this order, and no more. A choice is written
 * `cpu:tid x fuel` without the blanks: `0:1x12 0:2x1` is thread 1 for 12 steps, then thread 2 for one.
 */
export function choices(slices: string): ReplayScheduler {
  const words = slices.split(' ').map((slice) => slice.split(/[:x]/).map(Number));
  return new ReplayScheduler(words.map(([cpu = -1, tid = -1, fuel = -1]) => ({ cpu, tid, fuel })));
}

export function sliceCount(slices: string): number {
  return slices.split(' ').length;
}

export function stepTimes(kernel: Kernel, slices: number): void {
  for (let slice = 0; slice < slices; slice++) kernel.step();
}

export function threadOf(kernel: Kernel, tid: number): Thread {
  const thread = kernel.process.threads.get(tid);
  if (thread === undefined) throw new Error(`the test has no thread ${tid}`);
  return thread;
}

export function eventsOf(events: readonly Event[], kind: TraceEvent): Event[] {
  return events.filter((event) => event.kind === kind);
}

/** A system call whose result goes into `results`: two steps. */
export function tracked(results: number[], sysno: number, ...args: Word[]): Step[] {
  return [syscall(sysno, ...args), act((guest) => results.push(guest.result))];
}

/** Start a thread: one step; its tid is the result. */
export function spawn(entry: number, argument: Word = 0, tls = 0): Step {
  return syscall(Sysno.Clone, CLONE_THREAD_FLAGS, entry, argument, tls);
}

/** Results of system calls that main makes one after another. */
export function resultsOf(
  calls: readonly (readonly [number, ...Word[]])[],
  options: Partial<KernelOptions> = {},
): { results: number[] } & Booted {
  const results: number[] = [];
  const main = calls.flatMap(([sysno, ...args]) => tracked(results, sysno, ...args));
  const booted = boot({ 0: main }, options);
  booted.kernel.run();
  return { results, ...booted };
}
