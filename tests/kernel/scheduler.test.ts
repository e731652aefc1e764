// The schedulers under the Scheduler contract, and what each promises beyond it.

import { describe, expect, test } from 'vitest';
import { Sysno } from '../../src/abi/syscall.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { ReplayError, ReplayScheduler } from '../../src/kernel/schedulers/replay.js';
import { RoundRobinScheduler } from '../../src/kernel/schedulers/round-robin.js';
import { TraceEvent } from '../../src/kernel/trace.js';
import { schedulerContract } from '../contract/scheduler.case.js';
import { boot, choices, eventsOf, spawn, stepTimes } from './boot.js';
import { jump, type Scripts, syscall, work } from './scripted-machine.js';

const SEEDS = [0, 1, 2, 42, -1, 0x7fffffff];

schedulerContract({
  name: 'RoundRobinScheduler',
  seeds: [1, 2, 3, 10, 1000],
  newScheduler: (seed) => new RoundRobinScheduler(seed),
  isFair: true,
});

schedulerContract({
  name: 'RandomScheduler',
  seeds: SEEDS,
  newScheduler: (seed) => new RandomScheduler(7, seed),
  isFair: false,
});

schedulerContract({
  name: 'ReplayScheduler',
  seeds: SEEDS,
  newScheduler: (seed, record) => new ReplayScheduler(record(new RandomScheduler(7, seed))),
  isFair: false,
});

const HOGS: Scripts = { 0: [spawn(1), spawn(1), jump(2)], 1: [jump(0)] };

describe('round robin', () => {
  test('gives every slice one quantum', () => {
    const { kernel, events } = boot(HOGS, { scheduler: new RoundRobinScheduler(6) });

    stepTimes(kernel, 10);

    expect(eventsOf(events, TraceEvent.Run).map((event) => event.a)).toEqual(Array(10).fill(6));
  });

  test('runs the threads of one cpu in the order they came', () => {
    const { kernel, events } = boot(HOGS, { scheduler: new RoundRobinScheduler(6) });

    stepTimes(kernel, 7);

    expect(eventsOf(events, TraceEvent.Run).map(({ tid }) => tid)).toEqual([1, 2, 3, 1, 2, 3, 1]);
  });

  test('takes the cpus in turn', () => {
    const scheduler = new RoundRobinScheduler(6);
    const { kernel, events } = boot(HOGS, { scheduler, cpus: 3 });

    stepTimes(kernel, 7);

    expect(eventsOf(events, TraceEvent.Run).map(({ cpu }) => cpu)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  test('an idle cpu takes a waiting thread from another', () => {
    const scripts = { 0: [spawn(1), spawn(1), syscall(Sysno.Join, 3), jump(3)], 1: work(500) };
    const scheduler = new RoundRobinScheduler(6);
    const { kernel, events } = boot(scripts, { scheduler, cpus: 2 });

    kernel.run();

    expect(eventsOf(events, TraceEvent.Migrate).length).toBeGreaterThan(0);
    expect(eventsOf(events, TraceEvent.Death)).toEqual([]);
  });
});

describe('random', () => {
  test('slices are between 1 and 2 * quantum - 1', () => {
    const scheduler = new RandomScheduler(4, 9);
    const { kernel, events } = boot(HOGS, { scheduler, fuelLimit: 5000 });

    stepTimes(kernel, 500);

    const fuels = eventsOf(events, TraceEvent.Run).map((event) => event.a);
    expect([...new Set(fuels)].sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('a quantum of 1 interrupts after every instruction', () => {
    const { kernel, events } = boot(HOGS, { scheduler: new RandomScheduler(1, 3) });

    stepTimes(kernel, 100);

    expect(eventsOf(events, TraceEvent.Run).every((event) => event.a === 1)).toBe(true);
  });

  test('different seeds make different choices', () => {
    const schedules = SEEDS.map((seed) => {
      const { kernel } = boot(HOGS, { scheduler: new RandomScheduler(7, seed), fuelLimit: 500 });
      return kernel.run().schedule.toString();
    });

    expect(new Set(schedules).size).toBe(SEEDS.length);
  });
});

describe('replay', () => {
  test('a recording that ends before the program is a ReplayError', () => {
    const { kernel } = boot(HOGS, { scheduler: choices('0:1x5') });
    kernel.step();

    expect(() => kernel.step()).toThrow(ReplayError);
  });

  test.each([
    ['a thread that does not exist', '0:9x5', 'schedule slice 1: thread 9 cannot run on cpu 0'],
    ['a cpu that does not exist', '7:1x5', 'schedule slice 1: thread 1 cannot run on cpu 7'],
    ['a thread that is blocked', '0:1x5', 'schedule slice 1: thread 1 cannot run on cpu 0'],
  ] as const)('a choice of %s is a ReplayError that names it', (_what, slice, message) => {
    const scripts = { 0: [spawn(1), syscall(Sysno.Join, 2)], 1: [jump(0)] };
    const { kernel } = boot(scripts, { scheduler: choices(`0:1x5 ${slice}`) });
    kernel.step();

    expect(() => kernel.step()).toThrow(new ReplayError(`${message} now`));
  });

  test('a choice of a cpu that the thread is barred from is a ReplayError', () => {
    const scripts = { 0: [syscall(Sysno.SchedSetaffinity, 0, 4, 64), jump(1)] };
    const { kernel, memory } = boot(scripts, {
      scheduler: choices('0:1x5 1:1x5'),
      cpus: 2,
    });
    memory.storeI32(64, 0b01);
    kernel.step();

    expect(() => kernel.step()).toThrow(ReplayError);
  });
});
