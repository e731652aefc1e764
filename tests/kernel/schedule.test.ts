// Schedules as values and as text, and the promise they exist for: the same schedule, the same run.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_CPUS } from '../../src/kernel/cpu-set.js';
import type { KernelOptions, Outcome } from '../../src/kernel/kernel.js';
import { Schedule, ScheduleError } from '../../src/kernel/schedule.js';
import { type Choice, CPU_LOST, TIME_PASSES } from '../../src/kernel/scheduler.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { ReplayError, ReplayScheduler } from '../../src/kernel/schedulers/replay.js';
import { TraceHash } from '../../src/kernel/trace.js';
import { Sysno } from '../../src/abi/syscall.js';
import { boot, spawn } from './boot.js';
import { act, jump, type Scripts, syscall, work } from './scripted-machine.js';

const CHOICE: fc.Arbitrary<Choice> = fc.record({
  cpu: fc.nat({ max: MAX_CPUS - 1 }),
  tid: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  fuel: fc.integer({ min: 1, max: 2 ** 30 }),
});

function scheduleOf(choices: readonly Choice[]): Schedule {
  const schedule = new Schedule();
  for (const choice of choices) schedule.append(choice);
  return schedule;
}

test('a schedule that is too long is not kept, only counted, until it is cleared', () => {
  const schedule = new Schedule();
  const choice = { cpu: 255, tid: 2 ** 20, fuel: 2 ** 30 };
  // Ten bytes each.
  const slices = 7_500_000;

  for (let slice = 0; slice < slices; slice++) schedule.append(choice);

  expect([schedule.isKept, schedule.length]).toEqual([false, slices]);
  expect(() => schedule.toString()).toThrow(`schedule of ${slices} slices was not kept`);
  schedule.clear();
  schedule.append({ cpu: 3, tid: 0, fuel: 100 });
  expect(schedule.toString()).toBe('s1.A2Q');
});

describe('schedule text', () => {
  test('of no slices is the prefix alone', () => {
    expect(new Schedule().toString()).toBe('s1.');
    expect(Schedule.parse('s1.')).toEqual([]);
  });

  test('is short: four letters for a small slice', () => {
    expect(scheduleOf([{ cpu: 3, tid: 0, fuel: 100 }]).toString()).toBe('s1.A2Q');
  });

  test('reads back as the choices it was written from', () => {
    fc.assert(
      fc.property(fc.array(CHOICE), (choices) => {
        expect(Schedule.parse(scheduleOf(choices).toString())).toEqual(choices);
      }),
    );
  });

  test('uses letters that need no escaping anywhere', () => {
    fc.assert(
      fc.property(fc.array(CHOICE), (choices) => {
        expect(scheduleOf(choices).toString()).toMatch(/^s1\.[A-Za-z0-9_-]*$/);
      }),
    );
  });

  test('holds schedules of any length', () => {
    const choices = Array.from({ length: 5000 }, (_, n) => ({ cpu: n % 256, tid: n, fuel: n + 1 }));
    const schedule = scheduleOf(choices);

    expect(schedule.length).toBe(5000);
    expect(Schedule.parse(schedule.toString())).toEqual(choices);
  });
});

describe('a schedule of a check', () => {
  test('has events besides slices, and says that instructions take no time', () => {
    const choices = [
      { cpu: 1, tid: 2, fuel: 1 },
      { cpu: 0, tid: 0, fuel: 0, event: TIME_PASSES },
      { cpu: 0, tid: 3, fuel: 0, event: 10 },
      { cpu: 1, tid: 0, fuel: 0, event: CPU_LOST },
    ];
    const schedule = new Schedule('events');
    for (const choice of choices) schedule.append(choice);

    expect(schedule.toString().slice(0, 3)).toBe('c1.');
    expect(Schedule.timeOf(schedule.toString())).toBe('events');
    expect(Schedule.parse(schedule.toString())).toEqual(choices);
  });
});

describe('a text that is no schedule is a ScheduleError', () => {
  test.each([
    ['nothing', '', 'schedule "" must start with s1.'],
    ['another version', 's2.AAAA', 'schedule "s2.AAAA" must start with s1.'],
    ['a long stranger', 'x'.repeat(1000), 'schedule "xxxxxxxxxxxx" must start with s1.'],
    ['a letter of another alphabet', 's1.AA+A', 'schedule has "+", not base64url'],
    ['padding', 's1.AAAA====', 'schedule has "=", not base64url'],
    ['a letter beyond ASCII', 's1.AAé', 'schedule has "é", not base64url'],
    ['one letter too many', 's1.AAAAA', 'schedule ends in the middle of a byte'],
    ['half a slice', 's1.AA', 'schedule ends in the middle of a slice'],
    ['half a word', 's1.gA', 'schedule ends in the middle of a word'],
    ['no fuel and no event', 's1.AQA', 'schedule ends in the middle of a slice'],
    ['no such event', 's1.AQBC', 'schedule slice 0: there is no event 66'],
    [
      'too much fuel',
      's1.gAKBgICABA',
      'schedule slice 0: fuel 1073741825 must be from 0 to 1073741824',
    ],
  ])('%s', (_what, text, message) => {
    expect(() => Schedule.parse(text)).toThrow(new ScheduleError(message));
  });

  test('a word that never ends', () => {
    expect(() => Schedule.parse(`s1.${'_'.repeat(40)}`)).toThrow(/^schedule word exceeds/);
  });

  test('every text is a schedule or a ScheduleError, nothing else', () => {
    const text = fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary' }));

    fc.assert(
      fc.property(text, (tail) => {
        let error: unknown;
        try {
          Schedule.parse(`s1.${tail}`);
        } catch (thrown) {
          error = thrown;
        }
        expect(error === undefined || error instanceof ScheduleError).toBe(true);
      }),
    );
  });

  test('a schedule cut anywhere is a shorter schedule or a ScheduleError', () => {
    const whole = scheduleOf(Array.from({ length: 20 }, () => ({ cpu: 1, tid: 7, fuel: 300 })));
    const text = whole.toString();
    const errors = Array.from({ length: text.length }, (_, length) => {
      try {
        return Schedule.parse(text.slice(0, length)).length < 20 ? undefined : 'too long';
      } catch (error) {
        return error instanceof ScheduleError ? undefined : error;
      }
    });

    expect(errors.filter((error) => error !== undefined)).toEqual([]);
  });
});

const PROGRAM: Scripts = {
  0: [
    spawn(1, 3),
    spawn(1, 5),
    spawn(1, 8),
    syscall(Sysno.Join, 2),
    syscall(Sysno.Join, 3),
    syscall(Sysno.Join, 4),
  ],
  1: [
    ...work(4),
    syscall(Sysno.SchedYield),
    act((guest) => (guest.locals[0] = (guest.locals[0] ?? 0) + 1)),
    jump(0, (guest) => (guest.locals[0] ?? 0) < guest.argument * 5),
  ],
};

function hashed(
  scripts: Scripts,
  options: Partial<KernelOptions>,
): { hash: string; outcome: Outcome } {
  const hash = new TraceHash();
  const outcome = boot(scripts, { cpus: 3, ...options, observers: [hash] }).kernel.run();
  return { hash: hash.digest(), outcome };
}

describe('replay of a recorded schedule', () => {
  test.each([1, 2, 3, 4, 5])('seed %i: gives the same trace and the same schedule', (seed) => {
    const recorded = hashed(PROGRAM, { scheduler: new RandomScheduler(6, seed) });
    const text = recorded.outcome.schedule.toString();

    const replayed = hashed(PROGRAM, { scheduler: new ReplayScheduler(Schedule.parse(text)) });

    expect(replayed.hash).toBe(recorded.hash);
    expect(replayed.outcome.schedule.toString()).toBe(text);
  });

  test('of a run cut by its fuel limit ends at the same instruction', () => {
    const fuelLimit = 97;
    const recorded = hashed(PROGRAM, { scheduler: new RandomScheduler(6, 1), fuelLimit });
    const choices = Schedule.parse(recorded.outcome.schedule.toString());

    const replayed = hashed(PROGRAM, { scheduler: new ReplayScheduler(choices), fuelLimit });

    expect(replayed).toMatchObject({ hash: recorded.hash, outcome: { reason: 'fuel-limit' } });
  });

  test('under another program is a ReplayError', () => {
    const { outcome } = hashed(PROGRAM, { scheduler: new RandomScheduler(6, 1) });
    const choices = Schedule.parse(outcome.schedule.toString());
    const other: Scripts = { 0: [jump(0)], 1: [] };

    expect(() => hashed(other, { scheduler: new ReplayScheduler(choices) })).toThrow(ReplayError);
  });

  test('under a program that runs on is a ReplayError that counts the slices', () => {
    const { outcome } = hashed({ 0: work(50) }, { scheduler: new RandomScheduler(6, 1) });
    const choices = Schedule.parse(outcome.schedule.toString());
    const longer: Scripts = { 0: work(5000) };

    expect(() => hashed(longer, { scheduler: new ReplayScheduler(choices) })).toThrow(
      new ReplayError(`schedule ended after ${choices.length} slices, but the program runs on`),
    );
  });
});
