// rseq of Linux 7.0: the legacy mode of 32 bytes, the optimized mode of more, and what the debug
// option adds to both. The slice extension has a file of its own.

import { describe, expect, test } from 'vitest';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { type Booted, spawn, threadOf } from '../boot.js';
import { act, ipOf, ret, type Script, syscall, work } from '../scripted-machine.js';
import { call, cloneOf, forkOf } from './hooks.js';
import {
  ABORT,
  afterPreemptionAt,
  AREA,
  areaWords,
  ARM,
  type DescriptorFields,
  DESCRIPTOR,
  describeSection,
  END,
  fencedBy,
  HANDLE,
  HANDLER,
  idsOf,
  interruptedIn,
  lastEntry,
  LEGACY,
  MASK,
  OPTIMIZED,
  overwritten,
  overwrittenAndFenced,
  participant,
  rseq,
  type RunSetup,
  runLinux,
  setSection,
  SIGNALLED,
  START,
  STORE_SECTION,
} from './linux-scripts.js';

const OUTSIDE = ipOf(4);
const U64_END = 1n << 64n;
const MODES: readonly [string, number][] = [
  ['legacy', LEGACY],
  ['optimized', OPTIMIZED],
];

/** Registers with this length. */
function participantOf(length: number, body: Script = []): Script {
  return participant(body, syscall(...rseq(AREA, length)));
}

function run(length: number, slices: string, setup: RunSetup = {}): Booted {
  return runLinux('linux-v2', slices, { main: participantOf(length), ...setup });
}

function signalled(length: number): RunSetup {
  return { ...SIGNALLED, main: participantOf(length, [HANDLE]) };
}

/** Main makes this call in the second step of its section. */
function callInside(length: number, sysno: number, ...args: number[]): Script {
  const main = participantOf(length);
  return [...main.slice(0, 11), syscall(sysno, ...args), ...main.slice(12)];
}

describe.each(MODES)('%s: preemption', (_mode, length) => {
  test.each([
    ['at start', START, ABORT],
    ['at the last instruction', END - 1, ABORT],
    ['at end', END, END],
    ['before start', OUTSIDE, OUTSIDE],
  ])('%s', (_where, at, ip) => {
    const setup = { main: participantOf(length) };

    expect(afterPreemptionAt('linux-v2', at, setup)).toMatchObject({ ip });
  });

  test('by the timer without a switch aborts nothing', () => {
    expect(lastEntry(run(length, '0:1x11 0:1x1 0:1x1'))).toMatchObject({ ip: START + 2 });
  });

  test('clears rseq_cs, inside and outside', () => {
    for (const at of [11, 16]) {
      const { memory } = run(length, `0:1x${at} 0:2x1 0:1x1`);

      expect(areaWords(memory).section).toBe(0n);
    }
  });

  test('leaves the other registers alone', () => {
    const registers = { r10: 1, cx: 2, dx: 3, ax: 4, tp: 5, gs: 6 };
    const { personality, thread } = interruptedIn('linux-v2', { length });
    Object.assign(thread.registers, registers);

    expect(personality.onResume(thread)).toBe('redirected');
    expect(thread.registers).toEqual({ ...registers, ip: ABORT });
  });

  test('does not touch user memory until the thread is resumed', () => {
    const { memory } = run(length, '0:1x12 0:2x1');

    expect(areaWords(memory).section).toBe(BigInt(DESCRIPTOR));
  });
});

describe.each(MODES)('%s: a descriptor', (_mode, length) => {
  const checked: [string, Partial<DescriptorFields>, string][] = [
    ['abort at TASK_SIZE', { abort: TASK_SIZE }, 'abort 0xffff0000 is not in user space'],
    ['abort of 64 bits', { abort: 1n << 32n }, 'abort 0x100000000 is not in user space'],
    ['abort 3', { abort: 3 }, 'abort 0x3 leaves no room for a signature'],
    ['abort 4, no code', { abort: 4 }, 'signature before abort 0x4 cannot be read'],
    [
      'abort without a signature',
      { abort: ABORT + 1 },
      'signature 0x0 before abort 0x1015 is not 0x53053053',
    ],
  ];

  test.each(checked)('with %s is SIGSEGV inside', (_what, fields, message) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length });
    describeSection(memory, fields);

    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: descriptor 0x400: ${message}`,
    });
  });

  test.each(checked)('with %s is cleared outside', (_what, fields) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length, ip: OUTSIDE });
    describeSection(memory, fields);

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(areaWords(memory).section).toBe(0n);
  });

  test.each<[string, Partial<DescriptorFields>]>([
    ['version 1', { version: 1 }],
    ['flags', { flags: 7 }],
    ['an end beyond user space', { length: 1n << 40n }],
    ['an end that wraps around', { length: U64_END - 1n }],
    ['a start of 64 bits from which it wraps', { start: U64_END - 16n, length: 0x2000 }],
  ])('with %s works', (_what, fields) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length });
    describeSection(memory, fields);

    expect(personality.onResume(thread)).toBe('redirected');
    expect(thread.registers.ip).toBe(ABORT);
  });

  test('with abort inside works', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', {
      length,
      text: { [END - 5]: 0x53053053 },
    });
    describeSection(memory, { abort: END - 1 });

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test('flags of the area are not looked at', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length });
    memory.storeI32(AREA + 16, -1);

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test.each([
    ['at TASK_SIZE', TASK_SIZE, 'descriptor 0xffff0000 is not in user space'],
    ['of 64 bits', 1n << 32n, 'descriptor 0x100000000 is not in user space'],
    ['that cannot be read', 0x2000, 'descriptor 0x2000 cannot be read'],
  ])('%s is SIGSEGV, inside and outside', (_where, pointer, message) => {
    for (const ip of [START + 1, OUTSIDE]) {
      const { personality, thread, memory } = interruptedIn('linux-v2', { length, ip });
      setSection(memory, pointer);

      expect(personality.onResume(thread)).toEqual({ message: `rseq area 0x40: ${message}` });
    }
  });
});

describe.each(MODES)('%s: with the debug option a descriptor', (_mode, length) => {
  const invalid: [string, Partial<DescriptorFields>, string][] = [
    ['start at TASK_SIZE', { start: TASK_SIZE }, 'start 0xffff0000 is not in user space'],
    ['end at TASK_SIZE', { length: TASK_SIZE - START }, 'end 0xffff0000 is not in user space'],
    ['an end that wraps', { length: U64_END - 1n }, 'length 0xffffffffffffffff wraps around'],
    ['abort at TASK_SIZE', { abort: TASK_SIZE }, 'abort 0xffff0000 is not in user space'],
    ['abort 3', { abort: 3 }, 'abort 0x3 leaves no room for a signature'],
    ['abort inside', { abort: START }, 'abort 0x100a is inside the section'],
    ['version 1', { version: 1 }, 'version 1 is not 0'],
    ['flags', { flags: 1 }, 'flags 0x1 are not 0'],
    ['no signature', { abort: ABORT + 1 }, 'signature 0x0 before abort 0x1015 is not 0x53053053'],
  ];

  test.each(invalid)('with %s is SIGSEGV inside', (_what, fields, message) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length, debug: true });
    describeSection(memory, fields);

    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: descriptor 0x400: ${message}`,
    });
  });

  test.each([
    ['start beyond user space is SIGSEGV', { start: TASK_SIZE }, OUTSIDE, 'start'],
    ['end beyond user space behind start is SIGSEGV', { length: 1n << 40n }, 0x9000, 'end'],
    ['end beyond user space before start is cleared', { length: 1n << 40n }, OUTSIDE, undefined],
    ['version 1 is cleared', { version: 1 }, OUTSIDE, undefined],
    ['abort inside is cleared', { abort: START }, END, undefined],
  ])('outside: %s', (_what, fields, ip, word) => {
    const setup = { length, debug: true, ip };
    const { personality, thread, memory } = interruptedIn('linux-v2', setup);
    describeSection(memory, fields);

    const outcome = personality.onResume(thread);

    if (word === undefined) expect(outcome).toBe('unchanged');
    else expect(outcome).toMatchObject({ message: expect.stringContaining(word) });
  });

  test('that is valid works', () => {
    const { personality, thread } = interruptedIn('linux-v2', { length, debug: true });

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test('named by a thread that makes a call inside it is SIGSEGV as the call returns', () => {
    const main = callInside(length, Sysno.Gettid);

    expect(run(length, '0:1x13', { main, debug: true }).kernel.process.death).toMatchObject({
      signal: Signal.SIGSEGV,
      message: 'rseq area 0x40: descriptor 0x400: system call inside the section',
    });
  });

  test('named by a thread whose call inside blocks is SIGSEGV when it wakes', () => {
    const setup = { main: callInside(length, Sysno.Join, 2), worker: [ret(0)], debug: true };

    expect(run(length, '0:1x13 0:2x1 0:1x1', setup).kernel.process.death?.message).toContain(
      'system call inside the section',
    );
  });

  test('named by a thread whose call inside was interrupted is SIGSEGV before the frame', () => {
    const { personality, thread } = interruptedIn('linux-v2', { length, debug: true });
    thread.suspension = 'syscall';

    expect(personality.onSignal(thread)).toMatchObject({
      message: expect.stringContaining('system call inside the section'),
    });
  });

  test('that is behind the thread is cleared by any call', () => {
    const main = [...participantOf(length).slice(0, 14), syscall(Sysno.Gettid), ...work(9)];

    expect(areaWords(run(length, '0:1x16', { main, debug: true }).memory).section).toBe(0n);
    expect(areaWords(run(length, '0:1x16', { main }).memory).section).toBe(BigInt(DESCRIPTOR));
  });
});

describe.each(MODES)('%s: a fault', (_mode, length) => {
  test.each([
    ['clearing rseq_cs', 'unwritable', 8, 'rseq area 0x40: cannot be written'],
    ['reading rseq_cs', 'unreadable', 8, 'rseq area 0x40: cannot be read'],
    ['writing cpu_id', 'unwritable', 4, 'rseq area 0x40: cannot be written'],
    ['writing mm_cid', 'unwritable', 24, 'rseq area 0x40: cannot be written'],
  ] as const)('%s is SIGSEGV', (_what, kind, offset, message) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length });
    thread.cpu = 1;
    memory[kind].add(AREA + offset);

    expect(personality.onResume(thread)).toEqual({ message });
    expect(thread.registers.ip).toBe(START + 1);
  });
});

describe('legacy: the ids', () => {
  test('are written before the section is looked at', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2');

    personality.onResume(thread);

    expect(memory.written).toEqual([AREA, AREA + 4, AREA + 20, AREA + 24, AREA + 8, AREA + 12]);
  });

  test('are written even when the section kills', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2');
    describeSection(memory, { abort: 3 });
    thread.cpu = 1;

    personality.onResume(thread);

    expect(idsOf(memory)).toEqual([1, 1, 0, 0]);
  });

  test('are written every time, and what the thread wrote there is tolerated', () => {
    const body = [act(({ memory }) => memory.storeI32(AREA, -1))];
    const { memory, kernel } = run(LEGACY, '0:1x6 0:2x1 0:1x1', {
      main: participantOf(LEGACY, body),
    });

    expect(idsOf(memory)).toEqual([0, 0, 0, 0]);
    expect(kernel.process.death).toBeUndefined();
  });

  test('that the thread wrote to are SIGSEGV with the debug option', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { debug: true });
    memory.storeI32(AREA, -1);

    expect(personality.onResume(thread)).toEqual({
      message: 'rseq area 0x40: cpuIdStart is -1, and was written 0',
    });
  });

  test('are written before a handler runs, though nothing was switched', () => {
    const seen: (number | undefined)[][] = [];
    const handler = [act(({ memory }) => seen.push(idsOf(memory)))];
    const setup = { ...signalled(LEGACY), handler, ...overwritten(AREA, -1) };

    run(LEGACY, '0:1x11 1:2x1 | 0:1x2', setup);

    expect(seen).toEqual([[0, 0, 0, 0]]);
  });

  test('are rewritten by a fence, which aborts the section too', () => {
    const booted = run(LEGACY, '0:1x11 1:2x1 | 0:1x1', overwrittenAndFenced(AREA, -1));

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT });
    expect(idsOf(booted.memory)).toEqual([0, 0, 0, 0]);
  });

  test('stand beside a word at 28 that is never touched', () => {
    const body = [act(({ memory }) => memory.storeI32(AREA + 28, -1))];
    const { memory } = run(LEGACY, '0:1x12 0:2x1 1:1x2', { main: participantOf(LEGACY, body) });

    expect(areaWords(memory)).toMatchObject({ cpuId: 1, sliceControl: -1 });
  });
});

describe('legacy: a system call inside a section', () => {
  test('that yields is aborted at resume', () => {
    const main = callInside(LEGACY, Sysno.SchedYield);

    expect(lastEntry(run(LEGACY, '0:1x13 0:2x1 0:1x1', { main }))).toMatchObject({ ip: ABORT });
  });

  test('in which a signal comes is aborted before the frame', () => {
    const { personality, thread } = interruptedIn('linux-v2');
    thread.suspension = 'syscall';

    expect(personality.onSignal(thread)).toBe('redirected');
  });
});

describe('optimized: the ids', () => {
  test('are not written when neither cpu nor concurrency id has changed', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });

    personality.onResume(thread);

    expect(memory.written).toEqual([AREA + 28, AREA + 8, AREA + 12]);
  });

  test.each([
    ['the cpu', { cpu: 1 }, [1, 1, 0, 0]],
    ['the concurrency id', { concurrencyId: 3 }, [0, 0, 0, 3]],
  ])('are written when %s has changed', (_what, fields, ids) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    Object.assign(thread, fields);

    personality.onResume(thread);

    expect(idsOf(memory)).toEqual(ids);
  });

  test('are written after a call too', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    Object.assign(thread, { cpu: 1, suspension: 'syscall' });

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(idsOf(memory)).toEqual([1, 1, 0, 0]);
    expect(areaWords(memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test('are written before the section is looked at', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    thread.cpu = 1;

    personality.onResume(thread);

    expect(memory.written).toEqual([0, 4, 20, 24, 28, 8, 12].map((offset) => AREA + offset));
  });

  test.each([
    [0, 'cpuIdStart'],
    [4, 'cpuId'],
    [20, 'nodeId'],
    [24, 'mmCid'],
  ])('whose word at %i the thread has changed are SIGSEGV at the next write', (offset, field) => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    memory.storeI32(AREA + offset, 9);
    thread.cpu = 1;

    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: ${field} is 9, and was written 0`,
    });
  });

  test('that the thread has changed are not looked at while there is nothing to write', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    memory.storeI32(AREA, 9);

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test('that cannot be read back are SIGSEGV', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    memory.unreadable.add(AREA + 24);
    thread.cpu = 1;

    expect(personality.onResume(thread)).toEqual({ message: 'rseq area 0x40: cannot be read' });
  });

  test('follow sched_setaffinity before the call returns', () => {
    const seen: (number | undefined)[] = [];
    const body = [
      act(({ memory }) => memory.storeI32(MASK, 0b10)),
      syscall(Sysno.SchedSetaffinity, 0, 4, MASK),
      act(({ result, memory }) => seen.push(result, ...idsOf(memory))),
    ];

    run(OPTIMIZED, '0:1x6 1:1x1', { main: participantOf(OPTIMIZED, body) });

    expect(seen).toEqual([0, 1, 1, 0, 0]);
  });

  test('change with a migration there and back only if they differ then', () => {
    const { memory } = run(OPTIMIZED, '0:1x6 1:1x1 0:1x1');

    expect(idsOf(memory)).toEqual([0, 0, 0, 0]);
  });
});

describe('optimized: ids that the thread has changed are found out', () => {
  test('before the first write, right after the registration', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    call(personality, thread, ...rseq(AREA, OPTIMIZED, 1));
    call(personality, thread, ...rseq(AREA, OPTIMIZED));
    memory.storeI32(AREA, 0);

    expect(personality.onResume(thread)).toEqual({
      message: 'rseq area 0x40: cpuIdStart is 0, and was written -1',
    });
  });

  test('in the child of a fork, by what the parent’s kernel wrote', () => {
    const { personality, thread } = interruptedIn('linux-v2', { length: OPTIMIZED });
    const child = forkOf(personality, thread);
    child.process.memory.storeI32(AREA, 9);
    child.cpu = 1;

    expect(personality.onResume(child)).toEqual({
      message: 'rseq area 0x40: cpuIdStart is 9, and was written 0',
    });
  });
});

describe('optimized: a section', () => {
  test.each([
    ['yields', Sysno.SchedYield, []],
    ['blocks', Sysno.Join, [2]],
  ])('in which the thread %s is not aborted', (_what, sysno, args) => {
    const main = callInside(OPTIMIZED, sysno, ...args);
    const booted = run(OPTIMIZED, '0:1x13 0:2x1 0:1x1', { main, worker: [ret(0)] });

    expect(booted.kernel.counts.restarts).toBe(0);
    expect(threadOf(booted.kernel, 1).registers.ip).toBe(START + 3);
    expect(areaWords(booted.memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test('is aborted by a later interrupt', () => {
    const main = callInside(OPTIMIZED, Sysno.SchedYield);
    const booted = run(OPTIMIZED, '0:1x13 0:2x1 0:1x1 0:2x1 0:1x1', { main });

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT });
  });

  test('is aborted by a fence, which leaves the ids', () => {
    const booted = run(OPTIMIZED, '0:1x11 1:2x1 | 0:1x1', overwrittenAndFenced(AREA, 77));

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT });
    expect(idsOf(booted.memory)).toEqual([77, 0, 0, 0]);
  });

  test('of a thread that waits in a call is not aborted by a fence', () => {
    const main = callInside(OPTIMIZED, Sysno.SchedYield);
    const booted = run(OPTIMIZED, '0:1x13 1:2x1 | 0:1x1', { main, ...fencedBy(2) });

    expect(booted.kernel.counts.restarts).toBe(0);
  });
});

describe('optimized: a signal', () => {
  test('to a thread that was interrupted aborts its section before the frame', () => {
    const { kernel } = run(OPTIMIZED, '0:1x11 1:2x1 0:1x1', signalled(OPTIMIZED));

    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1, preemptions: 0 });
    expect(threadOf(kernel, 1).frames[0]?.registers.ip).toBe(ABORT);
  });

  test('to a thread in a call aborts nothing, and leaves rseq_cs to the handler', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    thread.suspension = 'syscall';

    expect(personality.onSignal(thread)).toBe('unchanged');
    expect(areaWords(memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test('does not write the ids, and asks for no resume work', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
    thread.cpu = 1;

    personality.onSignal(thread);

    expect(idsOf(memory)).toEqual([0, 0, 0, 0]);
    expect(thread.notifyResume).toBe(false);
  });

  test('and a switch: the handler sees the new cpu', () => {
    const seen: (number | undefined)[] = [];
    const handler = [act(({ memory }) => seen.push(...idsOf(memory).slice(0, 2)))];

    run(OPTIMIZED, '0:1x11 0:2x1 1:1x1', { ...signalled(OPTIMIZED), handler });

    expect(seen).toEqual([1, 1]);
  });

  test.each([
    ['an interrupted', 'interrupt', 0n],
    ['a calling', 'syscall', BigInt(DESCRIPTOR)],
  ] as const)(
    'at %s thread: resume in front of the handler counts as that',
    (_what, suspension, left) => {
      const { personality, thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED });
      const { registers, point } = thread;
      thread.ownExtras.frames.push({ registers: { ...registers }, point, suspension, mask: 0n });
      Object.assign(thread, { suspension: 'entry', point: 0 });
      registers.ip = 0;

      expect(personality.onResume(thread)).toBe('unchanged');
      expect(areaWords(memory).section).toBe(left);
    },
  );

  test('lets the handler have sections of its own', () => {
    const start = ipOf(1, HANDLER);
    const abort = ipOf(16, HANDLER);
    const arm = act(({ memory }) => {
      describeSection(memory, { start, length: 4, abort });
      setSection(memory);
    });
    const handler = [arm, ...work(20)];
    const setup = { ...signalled(OPTIMIZED), handler, text: { [abort - 4]: 0x53053053 } };

    const booted = run(OPTIMIZED, '0:1x11 1:2x1 0:1x2 0:2x1 0:1x1', setup);

    expect(lastEntry(booted)).toMatchObject({ ip: abort });
  });
});

describe.each(MODES)('%s: clone, fork, exec and exit', (_mode, length) => {
  test('a thread is not registered', () => {
    const { personality, thread } = interruptedIn('linux-v2', { length });

    expect(cloneOf(personality, thread)).toMatchObject({
      registration: undefined,
      writtenIds: undefined,
      sliceExtension: 'off',
    });
  });

  test('a new process inherits the registration and what the kernel knows of the area', () => {
    const { personality, thread } = interruptedIn('linux-v2', { length });
    const child = forkOf(personality, thread);
    Object.assign(child, { cpu: 1, suspension: 'syscall' });

    expect(personality.onResume(child)).not.toMatchObject({ message: expect.anything() });
    expect(idsOf(child.process.memory)).toEqual([1, 1, 0, 0]);
    expect(call(personality, child, ...rseq(AREA, length))).toBe(-16);
  });

  test('exec unregisters', () => {
    const { personality, thread, process } = interruptedIn('linux-v2', { length });

    Object.assign(thread, { sliceExtension: 'on', incoherence: 'left behind' });

    personality.onExec(process);

    expect(thread).toMatchObject({ registration: undefined, events: 0, notifyResume: false });
    expect(thread).toMatchObject({ writtenIds: undefined, sliceExtension: 'off' });
    expect(personality.onResume(thread)).toBe('unchanged');
  });

  test('exit writes nothing', () => {
    const { personality, thread, memory } = interruptedIn('linux-v2', { length });

    personality.onExit(thread);

    expect(memory.written).toEqual([]);
  });
});

test('a thread registers again after it has unregistered, in the other mode', () => {
  const seen: (number | undefined)[][] = [];
  const main = [
    syscall(...rseq(AREA, OPTIMIZED)),
    syscall(...rseq(AREA, OPTIMIZED, 1)),
    syscall(...rseq(AREA, LEGACY)),
    act(({ memory }) => seen.push(idsOf(memory))),
    spawn(1),
    ...work(ARM - 5),
    STORE_SECTION,
    ...work(20),
  ];

  const booted = runLinux('linux-v2', '1:1x11 1:2x1 1:1x1', { main });

  expect(seen).toEqual([[1, 1, 0, 0]]);
  expect(lastEntry(booted)).toMatchObject({ ip: ABORT });
});
