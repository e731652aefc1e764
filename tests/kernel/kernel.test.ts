// The run loop: slices, yield, join, exit, how a run ends, and what the outcome tells.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { Signal } from '../../src/abi/signal.js';
import { CLONE_CHILD_SETTID, CLONE_THREAD_FLAGS, JOIN_ALL, Sysno } from '../../src/abi/syscall.js';
import { RseqOp } from '../../src/abi/rseq.js';
import type { Outcome } from '../../src/kernel/kernel.js';
import { KernelPanic } from '../../src/kernel/panic.js';
import { CALL_FUEL } from '../../src/kernel/prices.js';
import type { ResumeOutcome } from '../../src/kernel/rseq/personality.js';
import { TurnerPersonality } from '../../src/kernel/rseq/turner.js';
import type { Scheduler } from '../../src/kernel/scheduler.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { RoundRobinScheduler } from '../../src/kernel/schedulers/round-robin.js';
import type { Thread } from '../../src/kernel/thread.js';
import { TraceEvent } from '../../src/kernel/trace.js';
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
  WILD,
} from './boot.js';
import { act, fault, ipOf, jump, ret, type Script, syscall, work } from './scripted-machine.js';

const HOG: Script = [jump(0)];

describe('a slice', () => {
  test('ends at the instruction where the fuel does', () => {
    const { kernel } = boot({ 0: work(50) }, { scheduler: choices('0:1x7') });

    kernel.step();

    expect(threadOf(kernel, 1).point).toBe(ipOf(7));
    expect(kernel.cpus[0]?.isCurrentInterrupted).toBe(true);
    expect(kernel.counts.fuel).toBe(7);
  });

  test('goes on after a system call with what is left of its fuel', () => {
    const main = [...work(2), syscall(Sysno.Gettid), ...work(9)];
    const { kernel, machine } = boot({ 0: main }, { scheduler: choices('0:1x7') });

    kernel.step();

    expect(machine.entries.map((entry) => entry.fuel)).toEqual([7, 4]);
    expect(threadOf(kernel, 1).point).toBe(ipOf(7));
  });

  test('may end exactly at a system call, whose result comes with the next', () => {
    const main = [...work(2), syscall(Sysno.Gettid), ...work(9)];
    const { kernel, machine } = boot({ 0: main }, { scheduler: choices('0:1x3 0:1x1') });

    stepTimes(kernel, 2);

    expect(machine.entries.at(-1)).toMatchObject({ ip: ipOf(2), resumeValue: 1 });
  });

  test('of the thread that runs already switches nothing', () => {
    const { kernel, events } = boot({ 0: work(50) }, { scheduler: choices('0:1x3 0:1x3 0:1x3') });

    stepTimes(kernel, 3);

    expect(eventsOf(events, TraceEvent.SwitchOut)).toEqual([]);
    expect(kernel.counts.preemptions).toBe(0);
  });

  test('on another cpu is a migration', () => {
    const { kernel, events } = boot(
      { 0: work(50) },
      { cpus: 3, scheduler: choices('0:1x3 2:1x3 2:1x3') },
    );

    stepTimes(kernel, 3);

    expect(eventsOf(events, TraceEvent.Migrate)).toMatchObject([{ cpu: 2, tid: 1, a: 0 }]);
    expect(kernel.counts.migrations).toBe(1);
  });

  test('takes the thread from the queue and the cpu that held it', () => {
    const { kernel } = boot({ 0: work(50) }, { cpus: 2, scheduler: choices('0:1x3 1:1x3') });

    stepTimes(kernel, 2);

    expect(kernel.cpus.map((cpu) => [cpu.current?.tid, cpu.queue.length])).toEqual([
      [undefined, 0],
      [1, 0],
    ]);
  });
});

/** Asks for nothing at switch-out; notes the threads it is asked to work for at resume. */
class LazyPersonality extends TurnerPersonality {
  readonly resumed: number[] = [];

  override onSwitchOut(): boolean {
    return false;
  }

  override onResume(thread: Thread): ResumeOutcome {
    this.resumed.push(thread.tid);
    return super.onResume(thread);
  }
}

describe('a personality that asks for nothing at switch-out', () => {
  test.each([
    ['is not asked to work after a switch', '0:1x3 0:2x1 0:1x1', []],
    ['is not asked to work after a timer interrupt', '0:1x3 0:1x1', []],
    ['is asked once after a migration', '0:1x3 1:1x1 1:1x1', [1]],
  ])('%s', (_what, slices, resumed) => {
    const personality = new LazyPersonality();
    const options = { cpus: 2, personality, scheduler: choices(slices) };
    const { kernel } = boot({ 0: [spawn(1), ...work(9)], 1: HOG }, options);

    stepTimes(kernel, sliceCount(slices));

    expect(personality.resumed.filter((tid) => tid === 1)).toEqual(resumed);
  });
});

describe('a scheduler that breaks its promise is a panic', () => {
  test.each([
    ['a cpu that does not exist', 9, 1, 5],
    ['a thread that does not exist', 0, 9, 5],
    ['no fuel', 0, 1, 0],
    ['negative fuel', 0, 1, -3],
    ['half an instruction', 0, 1, 1.5],
    ['fuel that is no number', 0, 1, Number.NaN],
  ])('with %s', (_what, cpu, tid, fuel) => {
    const scheduler: Scheduler = {
      name: 'broken',
      pick: (_view, choice) => Object.assign(choice, { cpu, tid, fuel }),
    };
    const { kernel } = boot({ 0: HOG }, { scheduler });

    expect(() => kernel.step()).toThrow(KernelPanic);
  });

  test('with a thread that is blocked', () => {
    const scheduler: Scheduler = {
      name: 'broken',
      pick: (_view, choice) => Object.assign(choice, { cpu: 0, tid: 1, fuel: 9 }),
    };
    const { kernel } = boot({ 0: [spawn(1), syscall(Sysno.Join, 2)], 1: HOG }, { scheduler });
    kernel.step();

    expect(() => kernel.step()).toThrow(/^panic: scheduler: picked thread 1 on cpu 0, fuel 9$/);
  });
});

describe('yield', () => {
  test('ends the slice and lets the next thread run', () => {
    const main = [spawn(1), syscall(Sysno.SchedYield), ...work(20)];
    const { kernel, events } = boot({ 0: main, 1: HOG });

    stepTimes(kernel, 2);

    expect(eventsOf(events, TraceEvent.Run).map(({ tid }) => tid)).toEqual([1, 2]);
    expect(kernel.counts).toMatchObject({ fuel: 12, preemptions: 0 });
  });

  test('with nobody to yield to goes on', () => {
    const { results } = resultsOf([[Sysno.SchedYield], [Sysno.SchedYield]]);

    expect(results).toEqual([0, 0]);
  });
});

describe('join', () => {
  test.each([
    ['an unknown thread', 9, -Errno.ESRCH],
    ['thread 0', 0, -Errno.ESRCH],
    ['a negative thread', -2, -Errno.ESRCH],
    ['oneself', 1, -Errno.EDEADLK],
  ])('of %s', (_what, tid, errno) => {
    expect(resultsOf([[Sysno.Join, tid]]).results).toEqual([errno]);
  });

  test('waits for the thread and returns its status', () => {
    const seen: unknown[] = [];
    const main = [spawn(1), syscall(Sysno.Join, 2), act((guest) => seen.push(guest.result))];
    const worker = [...work(30), act(() => seen.push('worker')), ret(-9)];

    boot({ 0: main, 1: worker }).kernel.run();

    expect(seen).toEqual(['worker', -9]);
  });

  test.each([
    ['returns', [ret(4)]],
    ['makes the system call exit', [syscall(Sysno.Exit, 4)]],
  ] as const)('of a thread that %s releases its context, once', (_how, script) => {
    const main = [spawn(1), ...work(20)];
    const { kernel, machine } = boot({ 0: main, 1: [...script] });

    kernel.run();

    const { context } = threadOf(kernel, 2);
    expect(machine.released.filter((each) => each === context)).toHaveLength(1);
  });

  test('of a thread that has ended returns its status at once, any number of times', () => {
    const seen: number[] = [];
    const join = [syscall(Sysno.Join, 2), act((guest) => seen.push(guest.result))];

    boot({ 0: [spawn(1), ...join, ...join], 1: [syscall(Sysno.Exit, 4)] }).kernel.run();

    expect(seen).toEqual([4, 4]);
  });

  test('by several threads wakes them all', () => {
    const seen: number[] = [];
    const join = [syscall(Sysno.Join, 2), act((guest) => seen.push(guest.result))];
    const main = [
      spawn(2),
      spawn(1),
      spawn(1),
      ...join,
      syscall(Sysno.Join, 3),
      syscall(Sysno.Join, 4),
    ];

    boot({ 0: main, 1: join, 2: [...work(60), ret(6)] }).kernel.run();

    expect(seen).toEqual([6, 6, 6]);
  });

  test('of each other is a deadlock', () => {
    const main = [spawn(1), syscall(Sysno.Join, 2)];

    const outcome = boot({ 0: main, 1: [syscall(Sysno.Join, 1)] }).kernel.run();

    expect(outcome).toMatchObject({ reason: 'deadlock', exitStatus: undefined, last: { tid: 2 } });
  });
});

describe('the end', () => {
  test('comes with the value that main returns', () => {
    const outcome = boot({ 0: [...work(3), ret(42)], 1: HOG }).kernel.run();

    expect(outcome).toMatchObject({ reason: 'exited', exitStatus: 42, death: undefined });
  });

  test('does not wait for other threads when main returns', () => {
    const outcome = boot({ 0: [spawn(1), ...work(30), ret(1)], 1: HOG }).kernel.run();

    expect(outcome).toMatchObject({ reason: 'exited', exitStatus: 1 });
  });

  test('comes with exit_group of any thread', () => {
    const main = [spawn(1), jump(1)];

    const outcome = boot({ 0: main, 1: [syscall(Sysno.ExitGroup, 7)] }).kernel.run();

    expect(outcome).toMatchObject({ reason: 'exited', exitStatus: 7 });
  });

  test('waits for the last thread when the leader calls exit, and has the status of the last', () => {
    const main = [spawn(1), syscall(Sysno.Exit, 1)];

    const outcome = boot({ 0: main, 1: [...work(30), ret(5)] }).kernel.run();

    expect(outcome).toMatchObject({ reason: 'exited', exitStatus: 5 });
  });

  test('by a fault names signal, message and place', () => {
    const main = [...work(2), fault(Signal.SIGFPE, 'integer divide by zero')];

    const outcome = boot({ 0: main }).kernel.run();

    expect(outcome).toMatchObject({
      reason: 'killed',
      exitStatus: 128 + Signal.SIGFPE,
      death: { signal: Signal.SIGFPE, message: 'integer divide by zero', place: 'script', tid: 1 },
    });
  });

  test('is final: no thread runs after it', () => {
    const { kernel } = boot({ 0: [spawn(1), ret(3)], 1: HOG });
    const { fuel } = kernel.run().counts;

    expect([kernel.step(), kernel.step()]).toEqual(['exited', 'exited']);
    expect(kernel.counts.fuel).toBe(fuel);
  });

  test('a jump to code that is no restart of the interrupted place is SIGSEGV', () => {
    const main = [
      syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, ipOf(3), ipOf(9), ipOf(0, 1)),
      syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, 64),
      spawn(1),
      ...work(20),
    ];
    const { kernel } = boot({ 0: main, 1: HOG }, { scheduler: choices('0:1x5 0:2x1 0:1x1') });

    stepTimes(kernel, 3);

    expect(kernel.process.death).toMatchObject({
      signal: Signal.SIGSEGV,
      message: 'jump to 0x1100, which is no restart label here',
      ip: ipOf(5),
    });
  });
});

describe('the fuel limit', () => {
  const schedulers: readonly (readonly [string, () => Scheduler])[] = [
    ['round robin', () => new RoundRobinScheduler(7)],
    ['random', () => new RandomScheduler(7, 3)],
  ];

  test.each(schedulers)(
    'is exact but for what the last call costs, under %s',
    (_name, scheduler) => {
      for (const fuelLimit of [1, 6, 7, 8, 100, 1001]) {
        const { kernel } = boot(
          { 0: [spawn(1), syscall(Sysno.SchedYield), jump(1)], 1: HOG },
          { fuelLimit, scheduler: scheduler() },
        );

        const { reason, counts } = kernel.run();

        expect(reason).toBe('fuel-limit');
        const over = counts.fuel + counts.systemFuel - fuelLimit;
        expect(over).toBeGreaterThanOrEqual(0);
        expect(over).toBeLessThanOrEqual(CALL_FUEL);
      }
    },
  );

  test('that a program just meets is no limit', () => {
    expect(boot({ 0: [...work(9), ret(1)] }, { fuelLimit: 10 }).kernel.run().reason).toBe('exited');
    expect(boot({ 0: [...work(9), ret(1)] }, { fuelLimit: 9 }).kernel.run().reason).toBe(
      'fuel-limit',
    );
  });

  test('tells which thread ran last, and where', () => {
    const outcome = boot({ 0: [...work(3), jump(3)] }, { fuelLimit: 50 }).kernel.run();

    expect(outcome.last).toEqual({ tid: 1, ip: ipOf(3) });
  });
});

/** A section of 8 instructions in a loop, preempted every `quantum`, until the fuel is gone. */
function outcomeWith(quantum: number): Outcome {
  const main = [
    syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, ipOf(4), ipOf(12), ipOf(3)),
    syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, 64),
    spawn(1),
    ...work(10),
    jump(3),
  ];
  const scheduler = new RoundRobinScheduler(quantum);
  return boot({ 0: main, 1: HOG }, { scheduler, fuelLimit: 500 + 3 * CALL_FUEL }).kernel.run();
}

describe('starvation', () => {
  test('is reported when no slice is as long as the section', () => {
    const { starvation, counts } = outcomeWith(5);

    expect(starvation).toMatchObject({ tid: 1, largestSlice: 5 });
    expect(starvation?.restarts).toBeGreaterThan(40);
    expect(starvation?.ip).toBeGreaterThanOrEqual(ipOf(4));
    expect(starvation?.ip).toBeLessThan(ipOf(12));
    expect(counts.restarts).toBe(starvation?.restarts);
  });

  test('is not reported when the interrupts between restarts fall elsewhere', () => {
    const { starvation, counts } = outcomeWith(44);

    expect(counts.restarts).toBe(1);
    expect(starvation).toBeUndefined();
  });

  test('is not reported of a run that ends by itself', () => {
    expect(boot({ 0: [ret(0)] }).kernel.run().starvation).toBeUndefined();
  });
});

describe('a run', () => {
  test('is the same every time, whatever the seed', () => {
    const main = [spawn(1), spawn(1), syscall(Sysno.Join, 2), syscall(Sysno.Join, 3), ret(0)];
    const runs = [1, 1, 2].map((seed) => {
      const scheduler = new RandomScheduler(3, seed);
      const { kernel, events } = boot({ 0: main, 1: work(40) }, { cpus: 2, scheduler });
      kernel.run();
      return events;
    });

    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).not.toEqual(runs[0]);
  });

  test('reports progress after a fixed number of slices', () => {
    const fuels: number[] = [];
    const scheduler = new RoundRobinScheduler(1);
    const { kernel } = boot({ 0: HOG }, { scheduler, fuelLimit: 10_000 });

    kernel.run((counts) => fuels.push(counts.fuel));

    expect(fuels).toEqual([4096, 8192]);
  });

  test('can be stepped: stepping and running are the same', () => {
    const scripts = { 0: [spawn(1), syscall(Sysno.Join, 2), ret(1)], 1: work(55) };
    const [stepped, ran] = [boot(scripts), boot(scripts)];

    while (stepped.kernel.step() === undefined);
    ran.kernel.run();

    expect(stepped.events).toEqual(ran.events);
  });
});

describe('join of all others', () => {
  test('of none returns 0 at once', () => {
    expect(resultsOf([[Sysno.Join, JOIN_ALL]]).results).toEqual([0]);
  });

  test('waits until the last of them has ended, whatever their statuses', () => {
    const seen: unknown[] = [];
    const worker = [...work(30), act(() => seen.push('worker')), ret(-9)];
    const main = [
      spawn(1),
      spawn(1),
      spawn(2),
      syscall(Sysno.Join, JOIN_ALL),
      act((guest) => seen.push(guest.result)),
    ];

    boot({ 0: main, 1: worker, 2: [ret(3)] }).kernel.run();

    expect(seen).toEqual(['worker', 'worker', 0]);
  });

  test('stores no status', () => {
    const main = [spawn(1), syscall(Sysno.Join, JOIN_ALL, 0x200)];
    const { kernel, memory } = boot({ 0: main, 1: [ret(7)] });

    kernel.run();

    expect(memory.loadI32(0x200)).toBe(0);
  });

  test('by two threads is a deadlock', () => {
    const all = [syscall(Sysno.Join, JOIN_ALL)];

    const { reason } = boot({ 0: [spawn(1), ...all], 1: all }).kernel.run();

    expect(reason).toBe('deadlock');
  });
});

describe('clone with CLONE_CHILD_SETTID', () => {
  const FLAGS = CLONE_THREAD_FLAGS | CLONE_CHILD_SETTID;

  test('stores the tid before the thread runs', () => {
    const seen: unknown[] = [];
    const main = [syscall(Sysno.Clone, FLAGS, 1, 0, 0, 0x200), syscall(Sysno.Join, 2)];
    const { kernel, memory } = boot({ 0: main, 1: [act(() => seen.push(memory.loadI32(0x200)))] });

    kernel.run();

    expect(seen).toEqual([2]);
  });

  test('starts the thread when the address cannot be written', () => {
    const results: number[] = [];

    boot({ 0: tracked(results, Sysno.Clone, FLAGS, 1, 0, 0, WILD), 1: [] }).kernel.run();

    expect(results).toEqual([2]);
  });

  test('stores nothing without the flag', () => {
    const main = [syscall(Sysno.Clone, CLONE_THREAD_FLAGS, 1, 0, 0, 0x200), syscall(Sysno.Join, 2)];
    const { kernel, memory } = boot({ 0: main, 1: [] });

    kernel.run();

    expect(memory.loadI32(0x200)).toBe(0);
  });
});

describe('join with an address', () => {
  test.each([-4, 0, 7])('stores the status %i there and returns 0', (status) => {
    const results: number[] = [];
    const join = [syscall(Sysno.Join, 2, 0x200), act(({ result }) => results.push(result))];

    const { kernel, memory } = boot({ 0: [spawn(1), ...join, ...join], 1: [ret(status)] });
    kernel.run();

    expect([results, memory.loadI32(0x200)]).toEqual([[0, 0], status]);
  });

  test('that cannot be written returns -EFAULT', () => {
    const results: number[] = [];
    const join = [syscall(Sysno.Join, 2, WILD), act(({ result }) => results.push(result))];

    boot({ 0: [spawn(1), ...join, ...join], 1: [] }).kernel.run();

    expect(results).toEqual([-Errno.EFAULT, -Errno.EFAULT]);
  });
});

describe('threads that have ended', () => {
  test('count against the limit of all that were ever started: no guest fills the host', () => {
    const results: number[] = [];
    const start = [...tracked(results, Sysno.Clone, CLONE_THREAD_FLAGS, 1, 0, 0), ...work(20)];
    const main = [...start, ...start, ...start, ...start];

    boot({ 0: main, 1: work(1) }, { tidLimit: 3 }).kernel.run();

    expect(results).toEqual([2, 3, -Errno.EAGAIN, -Errno.EAGAIN]);
  });
});
