// set_cpu_online: where the threads of a CPU go, and that nothing ever runs on one that is offline.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { FUTEX_BITSET_MATCH_ANY, FutexOp } from '../../src/abi/futex.js';
import { RseqOp } from '../../src/abi/rseq.js';
import { Sysno } from '../../src/abi/syscall.js';
import type { Cpu } from '../../src/kernel/cpu.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import type { Scheduler } from '../../src/kernel/scheduler.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { RoundRobinScheduler } from '../../src/kernel/schedulers/round-robin.js';
import type { Thread } from '../../src/kernel/thread.js';
import { type Observer, TraceEvent } from '../../src/kernel/trace.js';
import {
  boot,
  choices,
  eventsOf,
  resultsOf,
  sliceCount,
  spawn,
  stepTimes,
  threadOf,
  tracked,
} from './boot.js';
import { storeTime } from './guest-time.js';
import {
  act,
  ipOf,
  jump,
  type Script,
  type Step,
  syscall,
  type Word,
  work,
} from './scripted-machine.js';

const MASK = 0x40;
const OUT = 0x80;
const TIME = 0xc0;
const WORD = 0x100;
const HOG: Script = [jump(0)];

type Call = readonly [number, ...Word[]];

const online = (cpu: Word): Step => syscall(Sysno.SetCpuOnline, cpu, 1);
const offline = (cpu: Word): Step => syscall(Sysno.SetCpuOnline, cpu, 0);
const call = (cpu: number, isOnline: number): Call => [Sysno.SetCpuOnline, cpu, isOnline];

/** Two steps. */
function pin(tid: number, mask: number): Step[] {
  return [
    act(({ memory }) => memory.storeI32(MASK, mask)),
    syscall(Sysno.SchedSetaffinity, tid, 4, MASK),
  ];
}

function affinityOf(kernel: Kernel, tid: number): number[] {
  return kernel.cpus.map(({ id }) => id).filter((cpu) => threadOf(kernel, tid).affinity.has(cpu));
}

describe('set_cpu_online', () => {
  test.each([
    ['of a cpu that is not there', [call(3, 0), call(3, 1)], [-Errno.EINVAL, -Errno.EINVAL]],
    ['of a negative cpu', [call(-1, 0), call(-1, 1)], [-Errno.EINVAL, -Errno.EINVAL]],
    ['to neither 0 nor 1', [call(1, 2), call(1, -1)], [-Errno.EINVAL, -Errno.EINVAL]],
    ['to what it is', [call(1, 1), call(1, 1), call(1, 0), call(1, 0)], [0, 0, 0, 0]],
    ['back and forth', [call(1, 0), call(1, 1), call(1, 0), call(2, 0)], [0, 0, 0, 0]],
    ['of the last one', [call(0, 0), call(1, 0), call(2, 0)], [0, 0, -Errno.EBUSY]],
    [
      'of the last one, once it is not',
      [call(1, 0), call(2, 0), call(1, 1), call(0, 0)],
      [0, 0, 0, 0],
    ],
  ])('%s', (_what, calls, results) => {
    expect(resultsOf(calls, { cpus: 3 }).results).toEqual(results);
  });

  test('of the only cpu is -EBUSY', () => {
    expect(resultsOf([call(0, 0)]).results).toEqual([-Errno.EBUSY]);
  });

  test('that fails changes nothing', () => {
    const { kernel } = resultsOf([call(1, 0), call(0, 0)], { cpus: 2 });

    expect([kernel.isOnline(0), kernel.isOnline(1), kernel.isOnline(2)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('is what getaffinity and getcpu tell of', () => {
    const masks: (number | undefined)[] = [];
    const ask = [
      syscall(Sysno.SchedGetaffinity, 0, 4, OUT),
      act(({ memory }) => masks.push(memory.loadI32(OUT))),
      syscall(Sysno.Getcpu, OUT, 0),
      act(({ memory }) => masks.push(memory.loadI32(OUT))),
    ];
    const main = [...ask, offline(0), ...ask, online(0), offline(2), ...ask, online(2), ...ask];
    const scheduler = new RoundRobinScheduler(1000);

    boot({ 0: main }, { cpus: 3, scheduler }).kernel.run();

    expect(masks).toEqual([0b111, 0, 0b110, 1, 0b011, 1, 0b111, 1]);
  });

  test('makes sched_setaffinity refuse a mask of offline cpus, and take one with others too', () => {
    const results: number[] = [];
    const main = [
      offline(1),
      ...[0b010, 0b110].flatMap((mask) => [
        act(({ memory }) => memory.storeI32(MASK, mask)),
        ...tracked(results, Sysno.SchedSetaffinity, 0, 4, MASK),
      ]),
      // The mask is kept as it was given: what is offline now counts when it is back.
      offline(0),
      online(1),
      offline(2),
      ...work(3),
    ];

    const { kernel } = boot({ 0: main }, { cpus: 3 });

    expect(kernel.run().reason).toBe('exited');
    expect(results).toEqual([-Errno.EINVAL, 0]);
    expect([affinityOf(kernel, 1), threadOf(kernel, 1).cpu]).toEqual([[1, 2], 1]);
  });
});

describe('when a cpu goes offline', () => {
  test('its caller goes elsewhere at once, and the slice ends', () => {
    const main = [offline(0), ...work(9)];
    const scheduler = choices('0:1x9 1:1x1');
    const { kernel, events } = boot({ 0: main }, { cpus: 2, scheduler });

    kernel.step();

    expect(kernel.counts).toMatchObject({ fuel: 1, migrations: 1 });
    expect([threadOf(kernel, 1).cpu, kernel.cpus[0]?.current]).toEqual([1, undefined]);
    kernel.step();
    expect(eventsOf(events, TraceEvent.Run).map(({ cpu }) => cpu)).toEqual([0, 1]);
  });

  test('a caller on another cpu goes on with its slice', () => {
    const { kernel } = boot(
      { 0: [offline(1), ...work(9)] },
      { cpus: 2, scheduler: choices('0:1x9') },
    );

    kernel.step();

    expect(kernel.counts).toMatchObject({ fuel: 9, migrations: 0 });
  });

  test('the thread that runs on it goes into the queue of another', () => {
    const main = [spawn(1), ...work(1), offline(1), ...work(9)];
    const scheduler = choices('0:1x2 1:2x1 0:1x4');
    const { kernel } = boot({ 0: main, 1: HOG }, { cpus: 3, scheduler });

    stepTimes(kernel, 3);

    expect(threadOf(kernel, 2)).toMatchObject({ cpu: 2, state: 'runnable' });
    expect(kernel.cpus[2]?.queue.at(0)).toBe(threadOf(kernel, 2));
    expect(kernel.cpus[1]).toMatchObject({ current: undefined });
    expect(kernel.counts.fuel).toBe(2 + 1 + 4);
  });

  test('all threads of its queue go, each to the cpu that has the least to do by then', () => {
    const main = [spawn(1), spawn(1), spawn(1), ...[2, 3, 4].flatMap((tid) => pin(tid, 0b1110))];
    const body = [...main, ...[2, 3, 4].flatMap((tid) => pin(tid, 0b0010)), offline(1), ...work(9)];
    // Pinned to CPU 1 they lose it, and may be on any from then on.
    const { kernel } = boot({ 0: body, 1: HOG }, { cpus: 4, scheduler: choices('0:1x20') });

    kernel.step();

    expect([2, 3, 4].map((tid) => threadOf(kernel, tid).cpu)).toEqual([2, 3, 0]);
    expect(kernel.cpus.map(({ queue }) => queue.length)).toEqual([1, 0, 1, 1]);
  });

  test('a thread that waits wakes on a cpu that is online', () => {
    const cpus: (number | undefined)[] = [];
    const sleeper = [
      syscall(Sysno.Futex, WORD, FutexOp.Wait, 0, 0),
      syscall(Sysno.Getcpu, OUT, 0),
      act(({ memory }) => cpus.push(memory.loadI32(OUT))),
    ];
    const main = [
      spawn(1),
      ...work(1),
      offline(1),
      syscall(Sysno.Futex, WORD, FutexOp.Wake, 1),
      syscall(Sysno.Join, 2),
    ];
    const scheduler = choices('0:1x2 1:2x9 0:1x9 2:2x9 0:1x9');
    const { kernel } = boot({ 0: main, 1: sleeper }, { cpus: 3, scheduler });
    stepTimes(kernel, 3);
    expect([threadOf(kernel, 2).cpu, threadOf(kernel, 2).state]).toEqual([2, 'runnable']);

    kernel.run();

    expect(cpus).toEqual([2]);
  });

  test('a thread that waits for a time wakes there too', () => {
    const main = [storeTime(TIME, 30), spawn(1), ...work(1), offline(1), syscall(Sysno.Join, 2)];
    const scheduler = choices('0:1x3 1:2x1 0:1x9 2:2x9 0:1x9');
    const options = { cpus: 3, scheduler };
    const { kernel } = boot({ 0: main, 1: [syscall(Sysno.Nanosleep, TIME, 0)] }, options);

    expect(kernel.run().reason).toBe('exited');
  });

  test('an affinity that allows another is kept', () => {
    const main = [...pin(0, 0b110), ...work(1), offline(1), ...work(1)];
    const { kernel } = boot({ 0: main }, { cpus: 4 });

    kernel.run();

    expect([affinityOf(kernel, 1), threadOf(kernel, 1).cpu]).toEqual([[1, 2], 2]);
  });

  test.each([
    ['that runs', work(1), '0:1x3 1:2x3 0:1x4'],
    ['that is queued', [], '0:1x3 0:1x4'],
    ['that waits', [syscall(Sysno.Futex, WORD, FutexOp.Wait, 0, 0)], '0:1x3 1:2x3 0:1x4'],
  ])(
    'an affinity of a thread %s that allows no other is given up for good',
    (_what, body, slices) => {
      const main = [spawn(1), ...pin(2, 0b010), offline(1), ...work(1), online(1), jump(6)];
      const options = { cpus: 4, scheduler: choices(slices) };
      const { kernel } = boot({ 0: main, 1: [...body, jump(body.length)] }, options);
      stepTimes(kernel, sliceCount(slices));

      expect(affinityOf(kernel, 2)).toEqual([0, 1, 2, 3]);
      expect(threadOf(kernel, 2).cpu).not.toBe(1);
    },
  );

  test('the affinity of others stays, also of a thread with the same one', () => {
    const main = [...pin(0, 0b001), spawn(1), ...pin(2, 0b010), offline(1), ...work(2)];
    const { kernel } = boot({ 0: main, 1: HOG }, { cpus: 3, scheduler: choices('0:1x9') });

    kernel.step();

    expect([affinityOf(kernel, 1), affinityOf(kernel, 2)]).toEqual([[0], [0, 1, 2]]);
  });

  test('a thread that is born later is born on one that is online', () => {
    const main = [offline(1), offline(2), spawn(1), spawn(1), spawn(1), ...work(2)];
    const { kernel } = boot({ 0: main, 1: HOG }, { cpus: 4, scheduler: choices('0:1x7') });

    kernel.step();

    expect([2, 3, 4].map((tid) => threadOf(kernel, tid).cpu)).toEqual([3, 0, 3]);
  });

  test('dead threads stay dead', () => {
    const main = [spawn(1), syscall(Sysno.Join, 2), offline(1), syscall(Sysno.Join, 2)];
    const scheduler = choices('0:1x2 1:2x2 0:1x9');
    const { kernel, events } = boot({ 0: main, 1: [] }, { cpus: 2, scheduler });

    expect(kernel.run().reason).toBe('exited');
    expect(eventsOf(events, TraceEvent.Migrate)).toEqual([]);
  });
});

describe('a section that is interrupted when its cpu goes offline', () => {
  const SECTION = [ipOf(2, 1), ipOf(60, 1), ipOf(1, 1)] as const;
  const POINTER = [Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0] as const;
  const spinner: Script = [syscall(...POINTER, ({ argument }) => argument), ...work(80)];

  test('is restarted; one on another cpu is not', () => {
    const main = [
      syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, ...SECTION),
      syscall(...POINTER, 0x200),
      spawn(1, 0x240),
      spawn(1, 0x280),
      offline(1),
      ...work(9),
    ];
    const scheduler = choices('0:1x4 1:2x9 2:3x9 0:1x1 3:2x3 2:3x3');
    const { kernel, memory, events } = boot({ 0: main, 1: spinner }, { cpus: 4, scheduler });

    stepTimes(kernel, 6);

    expect(eventsOf(events, TraceEvent.Restart)).toMatchObject([
      { tid: 2, cpu: 3, a: ipOf(9, 1), b: ipOf(1, 1) },
    ]);
    expect(memory.loadI32(0x240)).toBe(3);
  });

  test('is restarted when it is its own call that does it', () => {
    const main = [
      syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, ipOf(3), ipOf(9), ipOf(2)),
      syscall(...POINTER, 0x200),
      ...work(2),
      offline(0),
      ...work(9),
    ];
    const scheduler = choices('0:1x9 1:1x1');
    const { kernel, memory, events } = boot({ 0: main }, { cpus: 2, scheduler });

    stepTimes(kernel, 2);

    expect(eventsOf(events, TraceEvent.Restart)).toMatchObject([
      { cpu: 1, a: ipOf(4), b: ipOf(2) },
    ]);
    expect(memory.loadI32(0x200)).toBe(1);
  });
});

// --- at random ------------------------------------------------------------------------------------

const CPUS = 5;
const WORKERS = 6;
const ROUNDS = 40;

/** A number below `limit` from a sequence of the thread's own. */
function below(limit: number): Word {
  return (guest) => {
    const state = Math.imul((guest.locals[0] ?? guest.argument) ^ 0x2545f491, 0x9e3779b1) + 1;
    guest.locals[0] = state ^ (state >>> 15);
    return (guest.locals[0] >>> 8) % limit;
  };
}

/** Plugs, pins, sleeps, waits, wakes and yields, ROUNDS times. */
const BUSY: Script = [
  syscall(Sysno.SetCpuOnline, below(CPUS), below(2)),
  ...work(3),
  act((guest) => {
    const mask = (below(2 ** CPUS) as (of: typeof guest) => number)(guest);
    guest.memory.storeI32(MASK, mask);
  }),
  syscall(Sysno.SchedSetaffinity, below(WORKERS + 2), 4, MASK),
  ...work(2),
  act(({ memory, registers }) => memory.storeI32(WORD, registers.ax)),
  syscall(Sysno.Nanosleep, TIME, 0),
  syscall(Sysno.Futex, WORD + 4, FutexOp.Wait, 0, TIME, 0, FUTEX_BITSET_MATCH_ANY),
  ...work(2),
  syscall(Sysno.SetCpuOnline, below(CPUS), 1),
  syscall(Sysno.Futex, WORD + 4, FutexOp.Wake, 2),
  syscall(Sysno.SchedYield),
  act((guest) => (guest.locals[1] = (guest.locals[1] ?? 0) + 1)),
  jump(0, (guest) => (guest.locals[1] as number) < ROUNDS),
];

const MAIN: Script = [
  storeTime(TIME, 25),
  ...Array.from({ length: WORKERS }, (_, index) => spawn(1, index * 77 + 1)),
  ...Array.from({ length: WORKERS }, (_, index) => syscall(Sysno.Join, index + 2)),
];

function queuedOn(cpu: Cpu | undefined): Thread[] {
  if (cpu === undefined) return [];
  return Array.from({ length: cpu.queue.length }, (_, place) => cpu.queue.at(place));
}

/** What is wrong with where the kernel has its threads. */
function misplaced(kernel: Kernel): string[] {
  const wrong: string[] = [];
  for (const thread of kernel.process.threads.values()) {
    const { tid, cpu, state } = thread;
    if (state === 'dead') continue;
    if (!kernel.isOnline(cpu)) wrong.push(`thread ${tid} is on cpu ${cpu}, which is offline`);
    if (!thread.affinity.has(cpu)) wrong.push(`thread ${tid} must not be on cpu ${cpu}`);
    const holder = kernel.cpus[cpu];
    const places = (holder?.current === thread ? 1 : 0) + (thread.queueSlot < 0 ? 0 : 1);
    if (places !== (state === 'runnable' ? 1 : 0))
      wrong.push(`thread ${tid} is in ${places} places`);
    if (thread.queueSlot >= 0 && !queuedOn(holder).includes(thread)) {
      wrong.push(`thread ${tid} is in the queue of another cpu`);
    }
  }
  return wrong;
}

describe('under any schedule', () => {
  const schedulers: readonly (readonly [string, Scheduler])[] = [
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(
      (seed) => [`random, seed ${seed}`, new RandomScheduler(5, seed)] as const,
    ),
    ...[1, 2, 3, 7, 20].map(
      (quantum) => [`round robin, ${quantum}`, new RoundRobinScheduler(quantum)] as const,
    ),
  ];

  test.each(schedulers)('no thread runs where it may not: %s', (_name, scheduler) => {
    const runs: string[] = [];
    const plugged = new Set<number>();
    let kernel: Kernel | undefined;
    const observer: Observer = {
      event: (kind, _time, cpu, tid) => {
        if (kind !== TraceEvent.Run) return;
        if (kernel?.onlineCpus.has(cpu) !== true) runs.push(`thread ${tid} on cpu ${cpu}`);
        plugged.add(kernel?.onlineCpus.size ?? 0);
      },
    };
    const options = { cpus: CPUS, scheduler, observers: [observer], fuelLimit: 1_000_000 };
    ({ kernel } = boot({ 0: MAIN, 1: BUSY }, options));
    let reason = kernel.step();
    for (; reason === undefined; reason = kernel.step()) expect(misplaced(kernel)).toEqual([]);

    expect([reason, runs]).toEqual(['exited', []]);
    // The run has seen every number of CPUs but perhaps the extremes.
    expect(plugged.size).toBeGreaterThanOrEqual(3);
  });
});
