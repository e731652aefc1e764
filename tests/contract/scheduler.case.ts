// The laws of the Scheduler port, checked at every pick of a run that spawns, yields, blocks, pins
// and signals. Whoever writes a scheduler gives a factory and runs this suite.

import { describe, expect, test } from 'vitest';
import { Sysno } from '../../src/abi/syscall.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import type { Choice, Scheduler, SchedulerView } from '../../src/kernel/scheduler.js';
import { boot, spawn } from '../kernel/boot.js';
import { act, jump, ret, type Scripts, syscall, work } from '../kernel/scripted-machine.js';

export interface SchedulerCase {
  readonly name: string;
  readonly seeds: readonly number[];
  /** `record` gives the choices that another scheduler made for the same programs. */
  readonly newScheduler: (seed: number, record: (scheduler: Scheduler) => Choice[]) => Scheduler;
  /** True when no thread waits for ever, whatever the others do. */
  readonly isFair: boolean;
}

const CPUS = 4;
const WORKERS = 6;
const MASK = 0x100;

/** Main spawns workers and joins them; a worker pins itself, works, yields and moves on. */
const BUSY: Scripts = {
  0: [
    ...Array.from({ length: WORKERS }, (_, index) => spawn(1, index)),
    ...Array.from({ length: WORKERS }, (_, index) => syscall(Sysno.Join, index + 2)),
    ret(0),
  ],
  1: [
    act((guest) => (guest.locals[0] = 0)),
    ...work(5),
    syscall(Sysno.SchedYield),
    syscall(Sysno.SchedSetaffinity, 0, 4, ({ argument }) => MASK + 4 * (argument % 3)),
    ...work(3),
    act((guest) => (guest.locals[0] = (guest.locals[0] ?? 0) + 1)),
    jump(1, (guest) => (guest.locals[0] ?? 0) < 20),
    syscall(Sysno.Join, ({ argument }) => (argument % 2 === 0 ? argument + 3 : 0)),
  ],
};

/** Threads that never leave the CPU of their own will. */
const HOGS: Scripts = {
  0: [spawn(1), spawn(1), spawn(1), spawn(1), jump(4)],
  1: [...work(3), jump(0)],
};

/** Checks what a scheduler promises, and passes its choices on. */
class CheckedScheduler implements Scheduler {
  readonly name = 'checked';
  readonly choices: Choice[] = [];
  readonly violations: string[] = [];
  readonly #inner: Scheduler;

  constructor(inner: Scheduler) {
    this.#inner = inner;
  }

  pick(view: SchedulerView, choice: Choice): void {
    this.#inner.pick(view, choice);
    this.choices.push({ ...choice });
    const { cpu, tid, fuel } = choice;
    const thread = view.runnable(tid);
    if (thread === undefined) this.violations.push(`thread ${tid} cannot run`);
    if (!view.isOnline(cpu)) this.violations.push(`cpu ${cpu} is not online`);
    if (thread?.affinity.has(cpu) === false) this.violations.push(`cpu ${cpu} bars ${tid}`);
    if (!Number.isSafeInteger(fuel) || fuel < 1) this.violations.push(`fuel ${fuel}`);
  }
}

function start(scripts: Scripts, scheduler: Scheduler): Kernel {
  const { kernel, memory } = boot(scripts, { scheduler, cpus: CPUS, fuelLimit: 1_000_000 });
  [0b0110, 0b1000, 0b1111].forEach((cpus, index) => memory.storeI32(MASK + 4 * index, cpus));
  return kernel;
}

function checkedRun(scripts: Scripts, scheduler: Scheduler): CheckedScheduler {
  const checked = new CheckedScheduler(scheduler);
  start(scripts, checked).run();
  return checked;
}

function choicesOf(scripts: Scripts, scheduler: Scheduler): Choice[] {
  return checkedRun(scripts, scheduler).choices;
}

export function schedulerContract({ name, seeds, newScheduler, isFair }: SchedulerCase): void {
  const scheduler = (seed: number, scripts: Scripts): Scheduler =>
    newScheduler(seed, (other) => choicesOf(scripts, other));

  describe(`${name} keeps the laws of Scheduler`, () => {
    test.each(seeds)('seed %i: every pick is a runnable thread on an allowed cpu', (seed) => {
      const { choices, violations } = checkedRun(BUSY, scheduler(seed, BUSY));

      expect(violations).toEqual([]);
      expect(choices.length).toBeGreaterThan(WORKERS);
    });

    test.each(seeds)('seed %i: a program that can end does', (seed) => {
      const outcome = start(BUSY, scheduler(seed, BUSY)).run();

      expect(outcome.reason).toBe('exited');
    });

    test.each(seeds)('seed %i: the same seed makes the same choices', (seed) => {
      const first = choicesOf(BUSY, scheduler(seed, BUSY));
      const second = choicesOf(BUSY, scheduler(seed, BUSY));

      expect(second).toEqual(first);
    });

    test.each(seeds)('seed %i: every thread runs, and every cpu', (seed) => {
      const choices = choicesOf(HOGS, scheduler(seed, HOGS));

      expect(new Set(choices.map(({ tid }) => tid))).toEqual(new Set([1, 2, 3, 4, 5]));
      expect(new Set(choices.map(({ cpu }) => cpu))).toEqual(new Set([0, 1, 2, 3]));
    });

    if (isFair) {
      test.each(seeds)('seed %i: no thread waits while the others run twice', (seed) => {
        const settled = choicesOf(HOGS, scheduler(seed, HOGS)).slice(20);

        for (const tid of [1, 2, 3, 4, 5]) {
          expect(longestWait(settled, tid)).toBeLessThanOrEqual(2 * 5);
        }
      });
    }
  });
}

/** Slices of others between two of `tid`. */
function longestWait(choices: readonly Choice[], tid: number): number {
  let longest = 0;
  let waited = 0;
  for (const choice of choices) {
    waited = choice.tid === tid ? 0 : waited + 1;
    longest = Math.max(longest, waited);
  }
  return longest;
}
