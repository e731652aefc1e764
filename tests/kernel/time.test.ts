// Virtual time: the clocks, the sleeps, and which of deadline, wake and signal ends a wait.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { FutexOp } from '../../src/abi/futex.js';
import { SIG_BLOCK, SIG_IGN, SIG_UNBLOCK, Signal } from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { Clock, TIMER_ABSTIME } from '../../src/abi/time.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { END_OF_TIME } from '../../src/kernel/time.js';
import { TraceEvent } from '../../src/kernel/trace.js';
import {
  boot,
  choices,
  eventsOf,
  MEMORY_BYTES,
  resultsOf,
  spawn,
  stepTimes,
  threadOf,
  tracked,
  WILD,
} from './boot.js';
import { storeTime, storeTimespec, timeAt, timespec } from './guest-time.js';
import {
  act,
  jump,
  ret,
  type Script,
  type Step,
  syscall,
  type Word,
  work,
} from './scripted-machine.js';

const TIME = 0x100;
const REST = 0x120;
const NOW = 0x140;
const ACTION = 0x160;
const WORD = 0x200;
const HANDLER = 9;
const HOG: Script = [jump(0)];
const { SIGUSR1 } = Signal;

type Call = readonly [number, ...Word[]];

const nanosleep = (request: Word, remaining: Word = 0): Call => [
  Sysno.Nanosleep,
  request,
  remaining,
];
const clockNanosleep = (clock: number, flags: number, request: Word, rest: Word = 0): Call => [
  Sysno.ClockNanosleep,
  clock,
  flags,
  request,
  rest,
];
const waitWord = (timeout: Word = 0): Call => [Sysno.Futex, WORD, FutexOp.Wait, 0, timeout];
const wakeWord = (count: number): Call => [Sysno.Futex, WORD, FutexOp.Wake, count];

/** Reads a clock into `times`: two steps, the time being that after the first. */
function readClock(times: number[], clock: Clock = Clock.Monotonic): Step[] {
  return [
    syscall(Sysno.ClockGettime, clock, NOW),
    act(({ memory }) => times.push(timeAt(memory, NOW))),
  ];
}

/** Two steps. */
function handle(signo: number, handler = HANDLER): Step[] {
  const store = act(({ memory }) => {
    [handler, 0, 0, 0].forEach((word, at) => memory.storeI32(ACTION + 4 * at, word));
  });
  return [store, syscall(Sysno.RtSigaction, signo, ACTION, 0, 8)];
}

function raise(tid: number, signo: number = SIGUSR1): Step {
  return syscall(Sysno.Tgkill, 1, tid, signo);
}

describe('clock_gettime', () => {
  test.each([
    Clock.Realtime,
    Clock.Monotonic,
    Clock.MonotonicRaw,
    Clock.RealtimeCoarse,
    Clock.MonotonicCoarse,
    Clock.BootTime,
  ])('of clock %i is a nanosecond for every instruction since boot', (clock) => {
    const times: number[] = [];

    boot({ 0: [...readClock(times, clock), ...work(5), ...readClock(times, clock)] }).kernel.run();

    expect(times).toEqual([1, 8]);
  });

  test('counts instructions of every thread and cpu, and the time that all of them wait', () => {
    const times: number[] = [];
    const main = [
      spawn(1),
      storeTime(TIME, 5000),
      syscall(...nanosleep(TIME)),
      ...readClock(times),
    ];

    boot({ 0: main, 1: work(40) }, { cpus: 2 }).kernel.run();

    expect(times).toEqual([3 + 5000 + 1]);
  });

  test('of the process is the instructions executed, of a thread its own', () => {
    const [all, own]: number[][] = [[], []];
    const read = (): Step[] => [
      ...readClock(all as number[], Clock.ProcessCpuTime),
      ...readClock(own as number[], Clock.ThreadCpuTime),
    ];
    const main = [spawn(1), storeTime(TIME, 5000), syscall(...nanosleep(TIME)), ...read()];

    boot({ 0: main, 1: work(39) }).kernel.run();

    expect([all, own]).toEqual([[3 + 40 + 1], [3 + 2 + 1]]);
  });

  test.each([
    ['a negative clock', -1, NOW, -Errno.EINVAL],
    ['a clock that is not there', 8, NOW, -Errno.EINVAL],
    ['a clock that is not there, and no address', 8, WILD, -Errno.EINVAL],
    ['no address', 0, WILD, -Errno.EFAULT],
    ['an address of which the memory has 15 bytes', 1, MEMORY_BYTES - 15, -Errno.EFAULT],
    ['the last 16 bytes', 1, MEMORY_BYTES - 16, 0],
    ['a misaligned address', 1, NOW + 1, 0],
  ])('with %s', (_what, clock, address, result) => {
    expect(resultsOf([[Sysno.ClockGettime, clock, address]]).results).toEqual([result]);
  });

  test('splits the time into seconds and nanoseconds', () => {
    const main = [
      storeTimespec(TIME, 7n, 999_999_990n),
      syscall(...nanosleep(TIME)),
      ...work(12),
      syscall(Sysno.ClockGettime, Clock.Monotonic, NOW),
    ];

    const { kernel, memory } = boot({ 0: main });
    kernel.run();

    expect(memory.copyIn(NOW, 16)).toEqual(timespec(8n, 5n));
  });
});

describe('a sleep', () => {
  test.each([
    ['nanosleep', nanosleep(TIME)],
    ['clock_nanosleep', clockNanosleep(Clock.Monotonic, 0, TIME)],
    ['clock_nanosleep by the realtime clock', clockNanosleep(Clock.Realtime, 0, TIME)],
    ['clock_nanosleep by the boot clock', clockNanosleep(Clock.BootTime, 0, TIME)],
    ['clock_nanosleep with flags that mean nothing', clockNanosleep(1, -2, TIME)],
  ])('by %s lasts as long as it says, and costs one instruction', (_what, call) => {
    const times: number[] = [];
    const results: number[] = [];
    const main = [storeTime(TIME, 777), ...tracked(results, ...call), ...readClock(times)];

    const { counts } = boot({ 0: main }).kernel.run();

    expect([results, times]).toEqual([[0], [2 + 777 + 2]]);
    expect(counts.fuel).toBe(main.length + 1);
  });

  test('until a moment ends at that moment', () => {
    const times: number[] = [];
    const main = [
      storeTime(TIME, 777),
      syscall(...clockNanosleep(Clock.Monotonic, TIMER_ABSTIME, TIME)),
      ...readClock(times),
    ];

    boot({ 0: main }).kernel.run();

    expect(times).toEqual([777 + 1]);
  });

  test('that ends at once does not give up the slice', () => {
    const main = [
      storeTime(TIME, 0),
      syscall(...nanosleep(TIME)),
      syscall(...clockNanosleep(Clock.Monotonic, TIMER_ABSTIME, TIME)),
      ...work(5),
    ];
    const { kernel, events } = boot({ 0: main }, { scheduler: choices('0:1x8') });

    kernel.step();

    expect(kernel.counts.fuel).toBe(8);
    expect(eventsOf(events, TraceEvent.SwitchOut)).toEqual([]);
  });

  test('of one thread lets others run meanwhile, and no time is skipped', () => {
    const times: number[] = [];
    const main = [storeTime(TIME, 100), spawn(1), syscall(...nanosleep(TIME)), ...readClock(times)];

    const { counts } = boot({ 0: main, 1: HOG }).kernel.run();

    // The deadline, 103, falls into a slice that ends at 103 + 9 or before.
    expect(times[0]).toBeGreaterThanOrEqual(103);
    expect(times[0]).toBeLessThanOrEqual(103 + 10);
    expect(counts.fuel).toBeLessThan(130);
  });

  test('ends with the slice in which its time comes', () => {
    const main = [storeTime(TIME, 20), spawn(1), syscall(...nanosleep(TIME)), ...work(9)];
    const scheduler = choices('0:1x3 0:2x19 0:2x1 0:1x1');
    const { kernel } = boot({ 0: main, 1: HOG }, { scheduler });

    stepTimes(kernel, 2);
    expect(threadOf(kernel, 1).state).toBe('blocked');

    // 23 instructions have run at the end of the third slice, and 3 + 20 is the deadline.
    stepTimes(kernel, 2);
    expect(threadOf(kernel, 1)).toMatchObject({ state: 'runnable', wait: undefined });
  });

  test.each([
    ['an unmapped request', nanosleep(WILD), -Errno.EFAULT],
    ['no request', nanosleep(MEMORY_BYTES - 8), -Errno.EFAULT],
    ['a request that is fine, and a rest that is not', nanosleep(TIME, WILD), 0],
    ['no such clock', clockNanosleep(8, 0, WILD), -Errno.EINVAL],
    ['a negative clock', clockNanosleep(-1, 0, WILD), -Errno.EINVAL],
    ['a clock none can sleep by', clockNanosleep(Clock.ThreadCpuTime, 0, WILD), -Errno.EOPNOTSUPP],
    ['a coarse clock', clockNanosleep(Clock.MonotonicCoarse, 0, WILD), -Errno.EOPNOTSUPP],
    ['an unmapped request by a clock', clockNanosleep(Clock.Realtime, 0, WILD), -Errno.EFAULT],
    ['an unmapped moment', clockNanosleep(Clock.Realtime, 1, WILD), -Errno.EFAULT],
  ])('with %s', (_what, call, result) => {
    expect(resultsOf([call]).results).toEqual([result]);
  });

  test.each([
    ['negative seconds', -1n, 0n],
    ['negative nanoseconds', 0n, -1n],
    ['a whole second of nanoseconds', 0n, 1_000_000_000n],
    ['the most negative of both', -(2n ** 63n), -(2n ** 63n)],
    ['the most nanoseconds', 0n, 2n ** 63n - 1n],
  ])('with %s is -EINVAL, whichever call makes it', (_what, seconds, nanoseconds) => {
    const results: number[] = [];
    const calls = [
      nanosleep(TIME),
      clockNanosleep(Clock.Monotonic, 0, TIME),
      clockNanosleep(Clock.Monotonic, TIMER_ABSTIME, TIME),
    ];
    const main = [
      storeTimespec(TIME, seconds, nanoseconds),
      ...calls.flatMap((call) => tracked(results, ...call)),
    ];

    boot({ 0: main }).kernel.run();

    expect(results).toEqual([-Errno.EINVAL, -Errno.EINVAL, -Errno.EINVAL]);
  });

  test.each([
    ['the most there is', 2n ** 63n - 1n, 999_999_999n],
    ['a nanosecond too many', BigInt(END_OF_TIME) / 10n ** 9n, BigInt(END_OF_TIME) % 10n ** 9n],
  ])('of %s ends at the end of time, where the clock stands still', (_what, seconds, rest) => {
    const results: number[] = [];
    const times: number[] = [];
    const main = [
      ...readClock(times),
      storeTimespec(TIME, seconds, rest),
      ...tracked(results, ...nanosleep(TIME)),
      ...readClock(times),
      ...tracked(results, ...nanosleep(TIME)),
      ...tracked(results, ...clockNanosleep(Clock.Monotonic, TIMER_ABSTIME, TIME)),
      ...readClock(times),
    ];

    expect(boot({ 0: main }).kernel.run().reason).toBe('exited');
    expect([results, times]).toEqual([
      [0, 0, 0],
      [1, END_OF_TIME, END_OF_TIME],
    ]);
  });
});

/** Main sleeps for 1000 from instruction 6 on; thread 2 sends the signal as its 30th. */
function interrupted(call: Call, action = HANDLER): { results: number[]; rest: number } {
  const results: number[] = [];
  const main = [
    ...handle(SIGUSR1, action),
    spawn(1),
    storeTime(REST, 555),
    storeTime(TIME, 1000),
    ...tracked(results, ...call),
  ];
  const { kernel, memory } = boot({ 0: main, 1: [...work(29), raise(1)], [HANDLER]: work(3) });
  kernel.run();
  return { results, rest: timeAt(memory, REST) };
}

describe('a sleep that a signal ends', () => {
  test('is -EINTR, and tells what was left', () => {
    expect(interrupted(nanosleep(TIME, REST))).toEqual({ results: [-Errno.EINTR], rest: 970 });
  });

  test('by a clock as well', () => {
    const call = clockNanosleep(Clock.Monotonic, 0, TIME, REST);

    expect(interrupted(call)).toEqual({ results: [-Errno.EINTR], rest: 970 });
  });

  test('into its own request if that is what it is given', () => {
    expect(interrupted(nanosleep(REST, REST))).toEqual({ results: [-Errno.EINTR], rest: 525 });
  });

  test('and that was to last until a moment has nothing left', () => {
    const call = clockNanosleep(Clock.Monotonic, TIMER_ABSTIME, TIME, REST);

    expect(interrupted(call)).toEqual({ results: [-Errno.EINTR], rest: 555 });
  });

  test('and whose rest cannot be written is -EFAULT', () => {
    expect(interrupted(nanosleep(TIME, WILD)).results).toEqual([-Errno.EFAULT]);
  });

  test('goes on when the signal is ignored', () => {
    expect(interrupted(nanosleep(TIME, REST), SIG_IGN)).toEqual({ results: [0], rest: 555 });
  });
});

/** Main waits for a word until 100; `other` runs in one slice from 5 on. */
function waitUntil100(other: readonly Step[], handler: Script = []): number[] {
  const results: number[] = [];
  const main = [
    ...handle(SIGUSR1),
    spawn(1),
    storeTime(TIME, 95),
    ...tracked(results, ...waitWord(TIME)),
  ];
  const options = { scheduler: choices('0:1x5 0:2x500 0:1x90 0:1x90 0:1x90') };
  boot({ 0: main, 1: other, [HANDLER]: handler }, options).kernel.run();
  return results;
}

describe('of deadline, wake and signal', () => {
  test.each([
    ['the wake is first', [...work(20), syscall(...wakeWord(1))], 0],
    ['the signal is first', [...work(20), raise(1)], -Errno.EINTR],
    ['the deadline is first, with nothing else', work(30), -Errno.ETIMEDOUT],
    ['the wake is a nanosecond early', [...work(93), syscall(...wakeWord(1))], 0],
    ['the wake is just too late', [...work(94), syscall(...wakeWord(1))], -Errno.ETIMEDOUT],
    ['the signal is a nanosecond early', [...work(93), raise(1)], -Errno.EINTR],
    ['the signal is just too late', [...work(94), raise(1)], -Errno.ETIMEDOUT],
    ['the wake and then the signal', [syscall(...wakeWord(1)), raise(1)], 0],
    ['the signal and then the wake', [raise(1), syscall(...wakeWord(1))], -Errno.EINTR],
  ])('%s, though all fall into one slice', (_what, other, result) => {
    expect(waitUntil100(other)).toEqual([result]);
  });

  test('a thread whose time has come is not there to be woken', () => {
    const woken: number[] = [];
    const early = [...work(93), ...tracked(woken, ...wakeWord(9))];
    const late = [...work(94), ...tracked(woken, ...wakeWord(9))];

    waitUntil100(early);
    waitUntil100(late);

    expect(woken).toEqual([1, 0]);
  });

  test.each([
    ['a deadline that has passed comes before a signal that is pending', 0, -Errno.ETIMEDOUT],
    ['a signal that is pending comes before a deadline to come', 500, -Errno.EINTR],
  ])('%s', (_what, timeout, result) => {
    const results: number[] = [];
    const both = (1 << (SIGUSR1 - 1)) | (1 << (Signal.SIGUSR2 - 1));
    const mask = (how: number): Step[] => [
      act(({ memory }) => [memory.storeI32(REST, both), memory.storeI32(REST + 4, 0)]),
      syscall(Sysno.RtSigprocmask, how, REST, 0, 8),
    ];
    const main = [
      storeTime(TIME, timeout),
      ...handle(SIGUSR1),
      ...handle(Signal.SIGUSR2, HANDLER + 1),
      ...mask(SIG_BLOCK),
      raise(1, SIGUSR1),
      raise(1, Signal.SIGUSR2),
      // The handler of SIGUSR1 begins, and makes its first call, with SIGUSR2 pending.
      ...mask(SIG_UNBLOCK),
      ret(0),
    ];
    const scripts = { 0: main, [HANDLER]: tracked(results, ...waitWord(TIME)), [HANDLER + 1]: [] };

    const { kernel } = boot(scripts);

    expect([kernel.run().reason, results]).toEqual(['exited', [result]]);
    expect(kernel.futexes.size).toBe(0);
  });
});

/** Where a sleeper keeps its times. */
function slot(index: number): number {
  return 0x400 + 64 * index;
}

describe('threads whose time comes', () => {
  test('run in the order of their deadlines, and of equal ones in that of their calls', () => {
    const deadline = fc.integer({ min: 5000, max: 5008 });

    fc.assert(
      fc.property(fc.array(deadline, { minLength: 1, maxLength: 12 }), (deadlines) => {
        const woken: number[] = [];
        const sleeper: Step[] = [
          syscall(...clockNanosleep(Clock.Monotonic, TIMER_ABSTIME, (guest) => guest.argument)),
          act((guest) => woken.push((guest.argument - 0x400) / 16)),
        ];
        const main = [
          ...deadlines.map((time, index) => storeTime(0x400 + 16 * index, time)),
          ...deadlines.map((_, index) => spawn(1, 0x400 + 16 * index)),
          syscall(Sysno.Exit, 0),
        ];

        boot({ 0: main, 1: sleeper }).kernel.run();

        const order = deadlines.map((_, index) => index);
        expect(woken).toEqual(
          order.sort((a, b) => (deadlines[a] as number) - (deadlines[b] as number)),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('never run before it, and find it exact when nobody ran in between', () => {
    const naps = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 5 });

    fc.assert(
      fc.property(naps, fc.integer(), (durations, seed) => {
        const late: number[] = [];
        const sleeper: Step[] = [
          // Into its own slot: deadline = now + duration, 3 steps from here.
          syscall(Sysno.ClockGettime, Clock.Monotonic, (guest) => guest.argument + 16),
          act((guest) => {
            const now = timeAt(guest.memory, guest.argument + 16);
            const duration = timeAt(guest.memory, guest.argument);
            guest.locals[0] = now + duration;
            guest.memory.copyOut(guest.argument + 32, timespec(0n, BigInt(now + duration)));
          }),
          syscall(
            ...clockNanosleep(Clock.Monotonic, TIMER_ABSTIME, ({ argument }) => argument + 32),
          ),
          syscall(Sysno.ClockGettime, Clock.Monotonic, (guest) => guest.argument + 16),
          act((guest) => {
            late.push(timeAt(guest.memory, guest.argument + 16) - (guest.locals[0] as number));
          }),
        ];
        const main = [
          ...durations.map((duration, index) => storeTime(slot(index), duration)),
          ...durations.map((_, index) => spawn(1, slot(index))),
          syscall(Sysno.Exit, 0),
        ];
        const scheduler = new RandomScheduler(7, seed);

        expect(boot({ 0: main, 1: sleeper }, { scheduler, cpus: 2 }).kernel.run().reason).toBe(
          'exited',
        );
        expect(late).toHaveLength(durations.length);
        expect(Math.min(...late)).toBeGreaterThanOrEqual(1);
        if (durations.length === 1 && (durations[0] as number) > 2) expect(late).toEqual([1]);
      }),
      { numRuns: 300 },
    );
  });

  test('are not woken by a deadline of a wait that is over', () => {
    const results: number[] = [];
    const times: number[] = [];
    const main = [
      storeTime(TIME, 50),
      storeTime(REST, 500),
      spawn(1),
      ...tracked(results, ...waitWord(TIME)),
      ...readClock(times),
      ...tracked(results, ...waitWord(REST)),
      ...readClock(times),
    ];
    const { kernel } = boot({ 0: main, 1: [syscall(...wakeWord(1))] });
    kernel.run();

    expect(results).toEqual([0, -Errno.ETIMEDOUT]);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThan(500);
  });

  test('are not woken after a signal ended the wait', () => {
    const results: number[] = [];
    const main = [
      ...handle(SIGUSR1),
      storeTime(TIME, 50),
      spawn(1),
      ...tracked(results, ...nanosleep(TIME)),
      ...tracked(results, ...waitWord()),
    ];

    const { reason } = boot({ 0: main, 1: [raise(1)], [HANDLER]: [] }).kernel.run();

    expect([results, reason]).toEqual([[-Errno.EINTR], 'deadlock']);
  });

  test('are not woken when they are dead', () => {
    const main = [
      ...handle(SIGUSR1),
      storeTime(TIME, 50),
      spawn(1),
      syscall(Sysno.SchedYield),
      raise(2),
      syscall(Sysno.Join, 2),
      syscall(...nanosleep(TIME)),
      ret(3),
    ];
    const handler = [syscall(Sysno.Exit, 4)];

    const { kernel, events } = boot({
      0: main,
      1: [syscall(...nanosleep(TIME))],
      [HANDLER]: handler,
    });

    expect(kernel.run()).toMatchObject({ reason: 'exited', exitStatus: 3 });
    expect(eventsOf(events, TraceEvent.Run).filter(({ tid }) => tid === 2)).toHaveLength(2);
  });
});

describe('a deadlock', () => {
  test('is none while somebody waits for a time', () => {
    const main = [storeTime(TIME, 100), spawn(1), syscall(Sysno.Join, 2), ret(5)];

    const { reason, exitStatus } = boot({ 0: main, 1: [syscall(...nanosleep(TIME))] }).kernel.run();

    expect([reason, exitStatus]).toEqual(['exited', 5]);
  });

  test('is found when the last who waited for a time waits for ever', () => {
    const sleeper = [syscall(...nanosleep(TIME)), syscall(...waitWord())];
    const main = [storeTime(TIME, 100), spawn(1), syscall(Sysno.Join, 2)];

    const { kernel } = boot({ 0: main, 1: sleeper });

    expect(kernel.run().reason).toBe('deadlock');
    expect(kernel.now).toBe(4 + 100 + 1);
  });
});
