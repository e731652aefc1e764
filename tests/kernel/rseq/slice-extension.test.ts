// The time-slice extension of Linux 7.0: who may have it, what a grant is worth, and how it ends.

import { CALL_FUEL } from '../../../src/kernel/prices.js';
import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { LinuxV2Personality } from '../../../src/kernel/rseq/linux-v2.js';
import { type Booted, resultsOf, threadOf } from '../boot.js';
import { act, type Script, type Step, syscall, type Word, work } from '../scripted-machine.js';
import { bench, call, cloneOf, forkOf } from './hooks.js';
import {
  AREA,
  areaWords,
  interruptedIn,
  lastEntry,
  LEGACY,
  linux,
  type LinuxSetup,
  OPTIMIZED,
  PROLOGUE,
  participant,
  rseq,
  runLinux,
  type RunSetup,
  textOf,
} from './linux-scripts.js';

type Call = readonly [number, ...Word[]];

const DEFAULT_ON = 2;
const REQUEST = 0x001;
const GRANTED = 0x100;

const ON: Call = rseq(AREA, OPTIMIZED, DEFAULT_ON);
const SET: Call = [Sysno.Prctl, 79, 2, 1, 0, 0];
const UNSET: Call = [Sysno.Prctl, 79, 2, 0, 0, 0];
const GET: Call = [Sysno.Prctl, 79, 1, 0, 0, 0];

function results(setup: LinuxSetup, ...calls: readonly Call[]): number[] {
  return resultsOf(calls, { personality: linux('linux-v2', setup) }).results;
}

function control(word: number): Step {
  return act(({ memory }) => memory.storeI32(AREA + 28, word));
}

/** Asks, in the first step of its own, and then works. */
function asking(body: Script = []): Script {
  return participant([control(REQUEST), ...body], syscall(...ON));
}

function run(slices: string, setup: RunSetup = {}): Booted {
  return runLinux('linux-v2', slices, { main: asking(), sliceExtension: 4, ...setup });
}

describe('prctl', () => {
  test('gets 0, sets, gets 1, and back', () => {
    expect(results({}, rseq(AREA, OPTIMIZED), GET, SET, GET, UNSET, GET)).toEqual([
      0, 0, 0, 1, 0, 0,
    ]);
  });

  test('gets 1 after a registration with the flag', () => {
    expect(results({}, ON, GET)).toEqual([0, 1]);
  });

  test('gets 0 where nothing is registered', () => {
    expect(results({}, GET)).toEqual([0]);
  });

  test.each<[string, Call, number]>([
    ['another code', [Sysno.Prctl, 78, 1], -Errno.EINVAL],
    ['another operation', [Sysno.Prctl, 79, 3], -Errno.EINVAL],
    ['no operation', [Sysno.Prctl, 79, 0], -Errno.EINVAL],
    ['GET with a third argument', [Sysno.Prctl, 79, 1, 1], -Errno.EINVAL],
    ['GET with a fourth argument', [Sysno.Prctl, 79, 1, 0, 1], -Errno.EINVAL],
    ['GET with a fifth argument', [Sysno.Prctl, 79, 1, 0, 0, 1], -Errno.EINVAL],
    ['SET with another bit', [Sysno.Prctl, 79, 2, 2], -Errno.EINVAL],
    ['SET with a fourth argument', [Sysno.Prctl, 79, 2, 1, 1], -Errno.EINVAL],
    ['SET with a fifth argument', [Sysno.Prctl, 79, 2, 1, 0, 1], -Errno.EINVAL],
    ['SET without an area', SET, -Errno.ENXIO],
  ])('with %s', (_what, request, result) => {
    expect(results({}, request)).toEqual([result]);
  });

  test('SET on a legacy registration is -EOPNOTSUPP', () => {
    expect(results({}, rseq(AREA, LEGACY, DEFAULT_ON), GET, SET)).toEqual([
      0,
      0,
      -Errno.EOPNOTSUPP,
    ]);
  });

  test('SET where extensions are turned off is -EOPNOTSUPP, before it looks for an area', () => {
    expect(results({ sliceExtension: 0 }, SET, ON, SET, GET)).toEqual([
      -Errno.EOPNOTSUPP,
      0,
      -Errno.EOPNOTSUPP,
      0,
    ]);
  });

  test('writes the flags of the area', () => {
    const { thread, memory } = bench();
    const personality = linux('linux-v2');
    const flags: (number | undefined)[] = [];
    for (const request of [rseq(AREA, OPTIMIZED), SET, UNSET] as [number, ...number[]][]) {
      call(personality, thread, ...request);
      flags.push(areaWords(memory).flags);
    }

    expect(flags).toEqual([0x10, 0x30, 0x10]);
  });

  test('that changes nothing does not look at the flags', () => {
    const { thread, memory } = bench();
    const personality = linux('linux-v2');
    call(personality, thread, ...(ON as [number, ...number[]]));
    memory.storeI32(AREA + 16, 0);

    expect(call(personality, thread, ...(SET as [number, ...number[]]))).toBe(0);
    expect(thread.incoherence).toBeUndefined();
  });

  test.each([
    ['SET', rseq(AREA, OPTIMIZED), SET, 0, 'flags 0x0 lack 0x10'],
    ['UNSET', ON, UNSET, 0x10, 'flags 0x10 lack 0x30'],
  ])(
    '%s with flags that the thread has changed is SIGSEGV',
    (_what, register, request, flags, words) => {
      const main = [
        syscall(...register),
        act(({ memory }) => memory.storeI32(AREA + 16, flags)),
        syscall(...request),
        ...work(5),
      ];

      const { kernel } = run('0:1x5', { main });

      expect(kernel.process.death).toMatchObject({
        signal: Signal.SIGSEGV,
        message: `rseq area 0x40: ${words}`,
      });
      expect(threadOf(kernel, 1).registers.ax).toBe(-Errno.EFAULT);
    },
  );

  test('keeps other bits of the flags', () => {
    const { thread, memory } = bench();
    const personality = linux('linux-v2');
    call(personality, thread, ...rseq(AREA, OPTIMIZED));
    memory.storeI32(AREA + 16, 0x50);

    call(personality, thread, ...(SET as [number, ...number[]]));

    expect(areaWords(memory).flags).toBe(0x70);
  });
});

describe('at the end of its slice a thread that asked', () => {
  test('goes on for the fuel of an extension', () => {
    const { kernel } = run('0:1x5');

    expect(kernel.counts.fuel).toBe(9);
  });

  test('sees request 0 and granted 1', () => {
    const seen: (number | undefined)[] = [];
    const body = [...work(2), act(({ memory }) => seen.push(areaWords(memory).sliceControl))];

    run('0:1x5', { main: asking(body) });

    expect(seen).toEqual([GRANTED]);
  });

  test('loses it at the second end: the byte is cleared, the thread is preempted', () => {
    const booted = run('0:1x5 0:2x1');

    expect(areaWords(booted.memory).sliceControl).toBe(0);
    expect(threadOf(booted.kernel, 1).sliceExtension).toBe('on');
    expect(booted.kernel.counts.preemptions).toBe(1);
  });

  test('gets no second one in that slice, though it asks again', () => {
    const { kernel } = run('0:1x5', { main: asking([...work(2), control(REQUEST | GRANTED)]) });

    expect(kernel.counts.fuel).toBe(9);
  });

  test('gets another in the next slice', () => {
    const { kernel } = run('0:1x5 0:1x1', { main: asking([...work(6), control(REQUEST)]) });

    expect(kernel.counts.fuel).toBe(9 + 5);
  });

  test('is not aborted in its section by the extension, but by what comes then', () => {
    const { kernel } = run('0:1x10 | 0:2x1 0:1x1', {
      between: ({ kernel }) => expect(kernel.counts.restarts).toBe(0),
      sliceExtension: 2,
    });

    expect(kernel.counts.restarts).toBe(1);
  });

  test('keeps bytes of the word that are neither request nor granted', () => {
    const { memory } = run('0:1x3', { main: asking([...work(9)]), sliceExtension: 1 });
    expect(areaWords(memory).sliceControl).toBe(0);

    const {
      personality,
      thread,
      memory: other,
    } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      flags: DEFAULT_ON,
    });
    other.storeI32(AREA + 28, 0x7777_0001);
    expect(personality.onSliceEnd?.(thread)).toBe(5000);
    expect(areaWords(other).sliceControl).toBe(0x7777_0100);
  });

  test('any value of the byte asks', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      flags: DEFAULT_ON,
    });
    memory.storeI32(AREA + 28, 0x80);

    expect(personality.onSliceEnd?.(thread)).toBe(5000);
  });

  test('gets no more than the run may execute', () => {
    const fuelLimit = 7 + 2 * CALL_FUEL;
    const { kernel } = run('0:1x5', { sliceExtension: 50, options: { fuelLimit } });

    expect(kernel.counts.fuel).toBe(7);
  });
});

describe('no extension is granted', () => {
  test.each<[string, RunSetup]>([
    ['that was not asked for', { main: participant([], syscall(...ON)) }],
    [
      'that is not turned on',
      { main: participant([control(1)], syscall(...rseq(AREA, OPTIMIZED))) },
    ],
    ['to a legacy registration', { main: participant([control(1)], syscall(...rseq())) }],
    ['where they are off', { sliceExtension: 0 }],
    [
      'to a granted byte without a request',
      { main: participant([control(GRANTED)], syscall(...ON)) },
    ],
  ])('%s', (_what, setup) => {
    expect(run('0:1x5', setup).kernel.counts.fuel).toBe(5);
  });

  test('to a thread whose fuel a system call used up', () => {
    const main = asking([syscall(Sysno.Gettid)]);

    expect(run(`0:1x${PROLOGUE + 2}`, { main }).kernel.counts.fuel).toBe(4);
  });

  test.each([
    ['resume work', { notifyResume: true }],
    ['a signal', { pendingSignals: 1n << 9n }],
  ])('to a thread that %s waits for, and the request is gone', (_what, fields) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      flags: DEFAULT_ON,
    });
    memory.storeI32(AREA + 28, REQUEST);
    Object.assign(thread, fields);

    expect(personality.onSliceEnd?.(thread)).toBe(0);
    expect(areaWords(memory).sliceControl).toBe(0);
  });

  test('but to one whose signal is blocked there is', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      flags: DEFAULT_ON,
    });
    memory.storeI32(AREA + 28, REQUEST);
    Object.assign(thread, { pendingSignals: 1n << 9n, signalMask: 1n << 9n });

    expect(personality.onSliceEnd?.(thread)).toBe(5000);
  });

  test.each([
    ['read', 'unreadable'],
    ['written', 'unwritable'],
  ] as const)('through a word that cannot be %s: SIGSEGV', (what, kind) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      flags: DEFAULT_ON,
    });
    memory.storeI32(AREA + 28, REQUEST);
    memory[kind].add(AREA + 28);

    expect(personality.onSliceEnd?.(thread)).toBe(0);
    expect(thread.notifyResume).toBe(true);
    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: cannot be ${what}`,
    });
  });
});

describe('a switch', () => {
  test('clears request and grant when the thread is resumed', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      flags: DEFAULT_ON,
    });
    memory.storeI32(AREA + 28, -1);
    thread.sliceExtension = 'granted';

    personality.onResume(thread);

    expect(areaWords(memory).sliceControl).toBe(0);
    expect(thread.sliceExtension).toBe('on');
  });

  test.each([
    ['leaves the request, while the ids are the same', '0:1x4 0:2x1 0:1x1', REQUEST],
    ['that changed the ids clears it', '0:1x4 0:2x1 1:1x1', 0],
  ])('in a system call %s', (_what, slices, word) => {
    const seen: (number | undefined)[] = [];
    const look = act(({ memory }) => seen.push(areaWords(memory).sliceControl));

    run(slices, { main: asking([syscall(Sysno.SchedYield), look]) });

    expect(seen).toEqual([word]);
  });

  test('does not clear what nobody turned on', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      sliceExtension: 0,
    });
    memory.storeI32(AREA + 28, -1);

    personality.onResume(thread);

    expect(areaWords(memory).sliceControl).toBe(-1);
  });

  test('that cannot clear the word is SIGSEGV', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    memory.unwritable.add(AREA + 28);

    expect(personality.onResume(thread)).toEqual({ message: 'rseq area 0x40: cannot be written' });
  });
});

describe('rseq_slice_yield', () => {
  const yielding = asking([...work(1), syscall(Sysno.RseqSliceYield)]);

  test('within an extension returns 1 and ends the slice', () => {
    const booted = run('0:1x4 0:1x1', { main: yielding });

    expect(lastEntry(booted)).toMatchObject({ resumeValue: 1 });
    expect(booted.kernel.counts).toMatchObject({ fuel: 5 + 1, preemptions: 0 });
    expect(areaWords(booted.memory).sliceControl).toBe(0);
  });

  test('without one returns 0 and ends nothing', () => {
    const main = participant([...work(2), syscall(Sysno.RseqSliceYield)], syscall(...ON));
    const { kernel } = run('0:1x8', { main });

    expect(threadOf(kernel, 1).registers.ax).toBe(0);
    expect(kernel.counts.fuel).toBe(8);
  });

  test('after the extension was lost returns 0', () => {
    const booted = run('0:1x3 0:1x3', { main: yielding, sliceExtension: 1 });

    expect(threadOf(booted.kernel, 1).registers.ax).toBe(0);
  });

  test('returns 0 where nothing is registered', () => {
    expect(results({}, [Sysno.RseqSliceYield])).toEqual([0]);
  });

  test('a second time returns 0', () => {
    const twice = asking([...work(1), ...[1, 2].map(() => syscall(Sysno.RseqSliceYield))]);
    const booted = run('0:1x4 0:1x2', { main: twice });

    expect(lastEntry(booted)).toMatchObject({ resumeValue: 0 });
  });
});

describe('another system call within an extension', () => {
  const calling = asking([...work(1), syscall(Sysno.Gettid), ...work(2)]);

  test('takes effect, ends the extension and the slice', () => {
    const booted = run('0:1x4', { main: calling });

    expect(booted.kernel.counts).toMatchObject({ fuel: 5, preemptions: 0 });
    expect(threadOf(booted.kernel, 1)).toMatchObject({
      registers: { ax: 1 },
      sliceExtension: 'on',
    });
    expect(areaWords(booted.memory).sliceControl).toBe(0);
  });

  test('outside of one ends nothing', () => {
    expect(run('0:1x7', { main: calling }).kernel.counts.fuel).toBe(7 + 4);
  });

  test('that cannot clear the word is SIGSEGV', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length: OPTIMIZED,
      flags: DEFAULT_ON,
    });
    thread.sliceExtension = 'granted';
    memory.unwritable.add(AREA + 28);

    expect(personality.onSyscallEntry?.(thread, Sysno.Gettid)).toBe(true);
    expect(personality.onResume(thread)).toEqual({ message: 'rseq area 0x40: cannot be written' });
  });
});

describe('with the debug option', () => {
  test.each([
    ['rseq_slice_yield', Sysno.RseqSliceYield],
    ['any other call', Sysno.Gettid],
  ])('%s with a word that is not request 0, granted 1 is SIGSEGV', (_what, sysno) => {
    const main = asking([...work(1), control(GRANTED | REQUEST), syscall(sysno)]);

    expect(run('0:1x4 0:1x1', { main }).kernel.process.death).toBeUndefined();
    expect(run('0:1x4 0:1x1', { main, debug: true }).kernel.process.death).toMatchObject({
      message: 'rseq area 0x40: slice_ctrl 0x101 is not 0x100',
    });
  });

  test('unregistering does not get round that', () => {
    const main = asking([
      ...work(1),
      control(GRANTED | REQUEST),
      syscall(...rseq(AREA, OPTIMIZED, 1)),
    ]);

    expect(run('0:1x4 0:1x1', { main, debug: true }).kernel.process.death).toMatchObject({
      message: 'rseq area 0x40: slice_ctrl 0x101 is not 0x100',
    });
  });

  test('with one that is as it was granted nothing happens', () => {
    const main = asking([...work(1), syscall(Sysno.RseqSliceYield)]);
    const booted = run('0:1x4 0:1x1', { main, debug: true });

    expect(lastEntry(booted)).toMatchObject({ resumeValue: 1 });
  });
});

test.each([-1, 0.5, 50_001, Number.NaN])('%d is no fuel for an extension', (sliceExtension) => {
  expect(() => new LinuxV2Personality({ loadText: textOf(), sliceExtension })).toThrow(
    `slice extension ${sliceExtension} is no integer from 0 to 50000`,
  );
});

test('a new process inherits that it is on, a thread does not', () => {
  const { personality, thread } = interruptedIn('linux-v2', {
    length: OPTIMIZED,
    flags: DEFAULT_ON,
  });
  const get = GET as [number, ...number[]];

  expect(call(personality, forkOf(personality, thread), ...get)).toBe(1);
  expect(call(personality, cloneOf(personality, thread), ...get)).toBe(0);
});

test('unregistration turns the extension off', () => {
  expect(results({}, ON, rseq(AREA, OPTIMIZED, 1), GET, rseq(AREA, OPTIMIZED), GET)).toEqual([
    0, 0, 0, 0, 0,
  ]);
});
