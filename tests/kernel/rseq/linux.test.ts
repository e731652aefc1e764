// rseq of Linux 6.1 to 6.18 at events: what is validated and when, where the thread goes on, what is
// written to the area, and what clone, fork, exec and exit make of a registration.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { SIG_IGN, Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { RseqEvent } from '../../../src/kernel/rseq/event.js';
import { TraceEvent } from '../../../src/kernel/trace.js';
import { eventsOf, spawn, threadOf } from '../boot.js';
import { act, ipOf, jump, ret, type Script, syscall, work } from '../scripted-machine.js';
import { cloneOf, forkOf, call } from './hooks.js';
import {
  ABORT,
  afterPreemptionAt,
  AREA,
  areaWords,
  type DescriptorFields,
  DESCRIPTOR,
  describeSection,
  END,
  fencedBy,
  HANDLER,
  idsOf,
  interruptedIn,
  lastEntry,
  linux,
  MASK,
  overwrittenAndFenced,
  participant,
  PROLOGUE,
  rseq,
  runLinux,
  setSection,
  SIGNALLED,
  START,
} from './linux-scripts.js';

const OUTSIDE = ipOf(4);
const U64_END = 1n << 64n;

describe('preemption', () => {
  test.each([
    ['at start', START, ABORT],
    ['behind start', START + 1, ABORT],
    ['at the last instruction', END - 1, ABORT],
    ['at end', END, END],
    ['behind end', END + 1, END + 1],
    ['at abort', ABORT, ABORT],
  ])('%s', (_where, at, ip) => {
    expect(afterPreemptionAt('linux', at)).toMatchObject({ ip, r10: 0 });
  });

  test('leaves the other registers alone', () => {
    const registers = { r10: 1, cx: 2, dx: 3, ax: 4, tp: 5, gs: 6 };
    const { personality, thread } = interruptedIn('linux');
    Object.assign(thread.registers, registers);

    expect(personality.onResume(thread)).toBe('redirected');
    expect(thread.registers).toEqual({ ...registers, ip: ABORT });
  });

  test('by the timer without a switch aborts nothing', () => {
    const booted = runLinux('linux', '0:1x11 0:1x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: START + 2 });
    expect(areaWords(booted.memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test('a switch on another cpu aborts nothing here', () => {
    expect(lastEntry(runLinux('linux', '0:1x11 1:2x1 1:2x1 0:1x1'))).toMatchObject({
      ip: START + 1,
    });
  });

  test('does not touch user memory until the thread is resumed', () => {
    const body = [act(({ memory }) => memory.storeI32(AREA, 77))];
    const { memory } = runLinux('linux', '0:1x12 0:2x1', { main: participant(body) });

    expect(areaWords(memory)).toMatchObject({ cpuIdStart: 77, section: BigInt(DESCRIPTOR) });
  });

  test('of a section whose descriptor was never named aborts nothing', () => {
    const main = [syscall(...rseq()), spawn(1), ...work(38)];

    expect(afterPreemptionAt('linux', START + 1, { main })).toMatchObject({ ip: START + 1 });
  });
});

describe('the ids', () => {
  test('are written every time, though nothing has changed', () => {
    const body = [act(({ memory }) => memory.storeI32(AREA, -1))];
    const { memory } = runLinux('linux', '0:1x6 0:2x1 0:1x1', { main: participant(body) });

    expect(idsOf(memory)).toEqual([0, 0, 0, 0]);
  });

  test('are the cpu twice, node 0 and the concurrency id', () => {
    const seen: (number | undefined)[] = [];
    const worker = [syscall(...rseq(0x80)), act(({ memory }) => seen.push(...idsOf(memory, 0x80)))];
    // Thread 1 has cpu 0 and concurrency id 0.
    runLinux('linux', '0:1x3 1:2x2', { worker });

    expect(seen).toEqual([1, 1, 0, 1]);
  });

  test('are written after the ip is moved, and whatever came of that', () => {
    const { personality, thread, memory } = interruptedIn('linux');

    expect(personality.onResume(thread)).toBe('redirected');
    expect(memory.written).toEqual([AREA + 8, AREA + 12, AREA, AREA + 4, AREA + 20, AREA + 24]);
  });

  test('are current before the abort handler runs', () => {
    const seen: (number | undefined)[][] = [];
    const body = [
      ...work(ABORT - ipOf(PROLOGUE)),
      act(({ memory }) => seen.push(idsOf(memory).slice(0, 2))),
    ];
    const main = participant().slice(0, 10).concat(body.slice(8), work(4));

    runLinux('linux', '0:1x12 0:2x1 1:1x1', { main });

    expect(seen).toEqual([[1, 1]]);
  });

  test('follow sched_setaffinity before the call returns', () => {
    const seen: (number | undefined)[] = [];
    const main = participant([
      act(({ memory }) => memory.storeI32(MASK, 0b10)),
      syscall(Sysno.SchedSetaffinity, 0, 4, MASK),
      act(({ result, memory }) => seen.push(result, ...idsOf(memory))),
    ]);

    runLinux('linux', '0:1x6 1:1x1', { main });

    expect(seen).toEqual([0, 1, 1, 0, 0]);
  });
});

describe('a descriptor', () => {
  const breaches: [string, Partial<DescriptorFields>, string][] = [
    ['start at TASK_SIZE', { start: TASK_SIZE }, 'start 0xffff0000 is not in user space'],
    ['start of 64 bits', { start: 1n << 32n }, 'start 0x100000000 is not in user space'],
    ['end at TASK_SIZE', { length: TASK_SIZE - START }, 'end 0xffff0000 is not in user space'],
    ['length of 64 bits', { length: 1n << 40n }, 'end 0x1000000100a is not in user space'],
    ['abort at TASK_SIZE', { abort: TASK_SIZE }, 'abort 0xffff0000 is not in user space'],
    ['abort of 64 bits', { abort: 1n << 63n }, 'abort 0x8000000000000000 is not in user space'],
    ['version 1', { version: 1 }, 'version 1 is not 0'],
    ['the highest version', { version: -1 }, 'version 4294967295 is not 0'],
    [
      'an end that wraps around',
      { length: U64_END - 1n },
      'length 0xffffffffffffffff wraps around',
    ],
    ['abort at start', { abort: START }, 'abort 0x100a is inside the section'],
    ['abort at the last instruction', { abort: END - 1 }, 'abort 0x100d is inside the section'],
    [
      'abort where there is no code',
      { abort: 0x800 },
      'signature before abort 0x800 cannot be read',
    ],
    ['abort below a signature', { abort: 3 }, 'signature before abort 0x3 cannot be read'],
    [
      'abort without a signature',
      { abort: ABORT + 1 },
      'signature 0x0 before abort 0x1015 is not 0x53053053',
    ],
  ];

  test.each(breaches)('with %s is SIGSEGV, inside', (_what, fields, message) => {
    const { personality, thread, memory } = interruptedIn('linux');
    describeSection(memory, fields);

    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: descriptor 0x400: ${message}`,
    });
    expect(thread.registers.ip).toBe(START + 1);
  });

  test.each(breaches)('with %s is SIGSEGV, outside too', (_what, fields, message) => {
    const { personality, thread, memory } = interruptedIn('linux', { ip: OUTSIDE });
    describeSection(memory, fields);

    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: descriptor 0x400: ${message}`,
    });
  });

  test.each(breaches)('with %s registers, and is found out at the first event', (_what, fields) => {
    const { kernel } = runLinux('linux', '0:1x20 0:1x1', { section: fields });
    expect(kernel.process.death).toBeUndefined();

    const { kernel: preempted } = runLinux('linux', '0:1x11 0:2x1 0:1x1', { section: fields });
    expect(preempted.process.death).toMatchObject({ signal: Signal.SIGSEGV, tid: 1 });
  });

  test.each([
    ['at TASK_SIZE', TASK_SIZE, 'descriptor 0xffff0000 is not in user space'],
    ['of 64 bits', 1n << 32n, 'descriptor 0x100000000 is not in user space'],
    ['that is all ones', U64_END - 1n, 'descriptor 0xffffffffffffffff is not in user space'],
    ['behind the memory', 0x1000, 'descriptor 0x1000 cannot be read'],
    ['whose end is behind the memory', 0xff0, 'descriptor 0xff0 cannot be read'],
    ['that nothing maps', 0xfffefff0, 'descriptor 0xfffefff0 cannot be read'],
  ])('%s is SIGSEGV, inside and outside', (_where, pointer, message) => {
    for (const ip of [START + 1, OUTSIDE]) {
      const { personality, thread, memory } = interruptedIn('linux', { ip });
      setSection(memory, pointer);

      expect(personality.onResume(thread)).toEqual({ message: `rseq area 0x40: ${message}` });
    }
  });

  test('may be misaligned', () => {
    const { personality, thread, memory } = interruptedIn('linux');
    describeSection(memory, {}, DESCRIPTOR + 3);
    setSection(memory, DESCRIPTOR + 3);

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test.each([
    ['abort at end', END],
    ['abort just below start', START - 1],
    ['abort far below start', ipOf(5)],
  ])('with %s is valid', (_what, abort) => {
    const { personality, thread, memory } = interruptedIn('linux', {
      text: { [abort - 4]: 0x53053053 },
    });
    describeSection(memory, { abort });

    expect(personality.onResume(thread)).toBe('redirected');
    expect(thread.registers.ip).toBe(abort);
  });

  test('of no length holds no ip', () => {
    const { personality, thread, memory } = interruptedIn('linux', { ip: START });
    describeSection(memory, { length: 0 });

    expect(personality.onResume(thread)).toBe('unchanged');
  });

  test('that ends at the last user address is valid', () => {
    const { personality, thread, memory } = interruptedIn('linux', {
      ip: 0xfffe0000,
      text: { [ABORT - 4]: 0x53053053 },
    });
    describeSection(memory, { start: 0xfffe0000, length: TASK_SIZE - 1 - 0xfffe0000 });

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test('compares addresses as unsigned words', () => {
    const { personality, thread, memory } = interruptedIn('linux', { ip: 0x90000001 | 0 });
    describeSection(memory, { start: 0x90000000 });

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test('that covers address 0 holds no thread that has not begun', () => {
    const { personality, thread, memory } = interruptedIn('linux', { ip: 0 });
    describeSection(memory, { start: 0, length: 0x100 });

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(areaWords(memory).section).toBe(0n);
  });
});

describe('outside a section', () => {
  test.each([
    ['before start', START - 1],
    ['at end', END],
  ])('%s, rseq_cs is cleared', (_where, ip) => {
    const { personality, thread, memory } = interruptedIn('linux', { ip });

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(areaWords(memory).section).toBe(0n);
  });

  test('rseq_cs stays until there is an event', () => {
    const { memory } = runLinux('linux', '0:1x18 0:1x1');

    expect(areaWords(memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test('flags of descriptor and area are not looked at', () => {
    const { personality, thread, memory } = interruptedIn('linux', { ip: OUTSIDE });
    describeSection(memory, { flags: 1 });
    memory.storeI32(AREA + 16, 4);

    expect(personality.onResume(thread)).toBe('unchanged');
  });

  test('the events stay pending', () => {
    const { personality, thread } = interruptedIn('linux', { ip: OUTSIDE });

    personality.onResume(thread);

    expect(thread.events).toBe(RseqEvent.Preempt);
  });
});

describe('inside a section', () => {
  test.each([1, 2, 4, 8, -0x80000000])('flags %i of the descriptor are SIGSEGV', (flags) => {
    const { personality, thread, memory } = interruptedIn('linux');
    describeSection(memory, { flags });

    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: descriptor 0x400: flags 0x${(flags >>> 0).toString(16)} are not 0`,
    });
  });

  test.each([1, 2, 4, 0x10, 0x40])('flags %i of the area are SIGSEGV', (flags) => {
    const { personality, thread, memory } = interruptedIn('linux');
    memory.storeI32(AREA + 16, flags);

    expect(personality.onResume(thread)).toEqual({
      message: `rseq area 0x40: flags 0x${flags.toString(16)} are not 0 in a section`,
    });
  });

  test.each([
    ['preemption', RseqEvent.Preempt],
    ['a signal', RseqEvent.Signal],
    ['migration', RseqEvent.Migrate],
    ['all of them', RseqEvent.Preempt | RseqEvent.Signal | RseqEvent.Migrate],
  ])('%s aborts, and is taken', (_what, events) => {
    const { personality, thread } = interruptedIn('linux');
    thread.events = events;

    expect(personality.onResume(thread)).toBe('redirected');
    expect(thread.events).toBe(0);
  });

  test('without an event the section goes on, rseq_cs stays, and the ids are written', () => {
    const { personality, thread, memory } = interruptedIn('linux');
    Object.assign(thread, { events: 0, cpu: 1 });

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(thread.registers.ip).toBe(START + 1);
    expect(areaWords(memory)).toMatchObject({ section: BigInt(DESCRIPTOR), cpuId: 1 });
  });

  test('flags are looked at before events', () => {
    const { personality, thread, memory } = interruptedIn('linux');
    describeSection(memory, { flags: 1 });
    thread.events = 0;

    expect(personality.onResume(thread)).toMatchObject({ message: expect.stringContaining('0x1') });
  });

  test('an abort clears rseq_cs', () => {
    const { memory } = runLinux('linux', '0:1x12 0:2x1 0:1x1');

    expect(areaWords(memory).section).toBe(0n);
  });
});

describe('a fault', () => {
  test.each([
    ['reading rseq_cs', 'unreadable', 8, 'rseq area 0x40: cannot be read'],
    ['reading flags', 'unreadable', 16, 'rseq area 0x40: cannot be read'],
    ['clearing rseq_cs', 'unwritable', 8, 'rseq area 0x40: cannot be written'],
    ['writing cpu_id_start', 'unwritable', 0, 'rseq area 0x40: cannot be written'],
    ['writing cpu_id', 'unwritable', 4, 'rseq area 0x40: cannot be written'],
    ['writing node_id', 'unwritable', 20, 'rseq area 0x40: cannot be written'],
    ['writing mm_cid', 'unwritable', 24, 'rseq area 0x40: cannot be written'],
  ] as const)('%s is SIGSEGV', (_what, kind, offset, message) => {
    for (const hook of ['onResume', 'onSignal'] as const) {
      const { personality, thread, memory } = interruptedIn('linux');
      memory[kind].add(AREA + offset);

      expect(personality[hook](thread)).toEqual({ message });
    }
  });

  test('clearing rseq_cs leaves the ip as it was', () => {
    const { personality, thread, memory } = interruptedIn('linux');
    memory.unwritable.add(AREA + 8);

    personality.onResume(thread);

    expect(thread.registers.ip).toBe(START + 1);
  });

  test('clearing rseq_cs outside is SIGSEGV too', () => {
    const { personality, thread, memory } = interruptedIn('linux', { ip: OUTSIDE });
    memory.unwritable.add(AREA + 8);

    expect(personality.onResume(thread)).toEqual({ message: 'rseq area 0x40: cannot be written' });
  });

  test('reading the upper half of rseq_cs is one too', () => {
    const { personality, thread, memory } = interruptedIn('linux');
    memory.unreadable.add(AREA + 12);

    expect(personality.onResume(thread)).toEqual({ message: 'rseq area 0x40: cannot be read' });
  });
});

describe('migration', () => {
  test('aborts a section and writes the new cpu', () => {
    const booted = runLinux('linux', '0:1x11 1:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT });
    expect(idsOf(booted.memory)).toEqual([1, 1, 0, 0]);
  });
});

describe('a fence', () => {
  test('aborts the section of a thread that has a cpu, and writes its ids', () => {
    const booted = runLinux('linux', '0:1x11 1:2x1 | 0:1x1', overwrittenAndFenced(AREA, -1));

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT });
    expect(idsOf(booted.memory)[0]).toBe(0);
  });

  test.each([
    ['another cpu', fencedBy(2, 1), START + 1],
    ['its cpu', fencedBy(2, 0), ABORT],
    ['all cpus, by the thread itself', fencedBy(1), START + 1],
    ['its own cpu, by the thread itself', fencedBy(1, 0), ABORT],
  ])('of %s', (_what, setup, ip) => {
    expect(lastEntry(runLinux('linux', '0:1x11 1:2x1 | 0:1x1', setup))).toMatchObject({ ip });
  });

  test('is there', () => {
    expect(linux('linux').hasFence).toBe(true);
    expect(linux('linux-v2').hasFence).toBe(true);
  });
});

/** Main makes this call in the second step of its section. */
function inside(sysno: number, ...args: number[]): Script {
  const main = participant();
  return [...main.slice(0, 11), syscall(sysno, ...args), ...main.slice(12)];
}

describe('a system call inside a section', () => {
  test('that does not switch aborts nothing, and rseq_cs stays', () => {
    const booted = runLinux('linux', '0:1x13', { main: inside(Sysno.Gettid) });

    expect(booted.kernel.counts.restarts).toBe(0);
    expect(areaWords(booted.memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test('that yields is aborted at resume', () => {
    const main = inside(Sysno.SchedYield);

    expect(lastEntry(runLinux('linux', '0:1x13 0:2x1 0:1x1', { main }))).toMatchObject({
      ip: ABORT,
    });
  });

  test('that blocks is aborted when it wakes', () => {
    const main = inside(Sysno.Join, 2);
    const booted = runLinux('linux', '0:1x13 0:2x1 0:1x1', { main, worker: [ret(0)] });

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT });
  });

  test('with the debug option is SIGSEGV as it returns', () => {
    const { kernel } = runLinux('linux', '0:1x13', { main: inside(Sysno.Gettid), debug: true });

    expect(kernel.process.death).toMatchObject({
      signal: Signal.SIGSEGV,
      message: 'rseq area 0x40: descriptor 0x400: system call inside the section',
    });
  });

  test('with the debug option is SIGSEGV when it has blocked, before the abort', () => {
    const setup = { main: inside(Sysno.Join, 2), worker: [ret(0)], debug: true };
    const { kernel } = runLinux('linux', '0:1x13 0:2x1 0:1x1', setup);

    expect(kernel.process.death?.message).toContain('system call inside the section');
  });

  test.each([
    ['before start', 5],
    ['at end', 14],
  ])('%s is none, with the debug option too', (_where, at) => {
    const main = participant();
    const other = [...main.slice(0, at), syscall(Sysno.Gettid), ...main.slice(at + 1)];
    const { kernel } = runLinux('linux', '0:1x20', { main: other, debug: true });

    expect(kernel.process.death).toBeUndefined();
  });

  test('with the debug option any call finds a descriptor that is not valid', () => {
    const main = [...participant().slice(0, 14), syscall(Sysno.Gettid), ...work(9)];
    const setup = { main, section: { version: 1 }, debug: true };

    expect(runLinux('linux', '0:1x16', setup).kernel.process.death?.message).toContain('version 1');
    expect(
      runLinux('linux', '0:1x16', { ...setup, debug: false }).kernel.process.death,
    ).toBeUndefined();
  });

  test('with the debug option a thread that is not registered may do as it likes', () => {
    const main = [...work(10), syscall(Sysno.Gettid), ...work(9)];

    expect(runLinux('linux', '0:1x15', { main, debug: true }).kernel.process.death).toBeUndefined();
  });
});

describe('a signal', () => {
  const AT = `0:1x11 1:2x1 0:1x1`;

  test.each([
    ['at start', START, ABORT],
    ['at the last instruction', END - 1, ABORT],
    ['at end', END, END],
    ['before start', ipOf(9), ipOf(9)],
  ])('%s: the frame holds the ip after the fix-up', (_where, at, ip) => {
    const { kernel } = runLinux('linux', `0:1x${at - ipOf(0)} 1:2x1 0:1x1`, SIGNALLED);

    expect(threadOf(kernel, 1).frames[0]?.registers.ip).toBe(ip);
  });

  test('needs no switch', () => {
    const { kernel, events } = runLinux('linux', AT, SIGNALLED);

    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1, preemptions: 0 });
    expect(eventsOf(events, TraceEvent.Signal)[0]?.b).toBe(ABORT);
  });

  test('finds rseq_cs clear in the handler, inside or outside', () => {
    for (const slices of [AT, '0:1x15 1:2x1 0:1x1']) {
      const seen: bigint[] = [];
      const handler = [act(({ memory }) => seen.push(areaWords(memory).section))];

      runLinux('linux', slices, { ...SIGNALLED, handler });

      expect(seen).toEqual([0n]);
    }
  });

  test('writes the ids before the handler runs', () => {
    const { memory } = runLinux('linux', '0:1x11 0:2x1 1:1x1', SIGNALLED);

    expect(idsOf(memory).slice(0, 2)).toEqual([1, 1]);
  });

  test('after sigreturn the abort handler runs', () => {
    const booted = runLinux('linux', '0:1x11 1:2x1 0:1x4', { ...SIGNALLED, handler: work(2) });

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT, resumeValue: ABORT });
    expect(threadOf(booted.kernel, 1).frames).toEqual([]);
  });

  test('lets the handler have sections of its own', () => {
    const start = ipOf(1, HANDLER);
    const abort = ipOf(16, HANDLER);
    const handler = [
      act(({ memory }) => {
        describeSection(memory, { start, length: 4, abort });
        setSection(memory);
      }),
      ...work(20),
    ];
    const setup = { ...SIGNALLED, handler, text: { [abort - 4]: 0x53053053 } };

    const booted = runLinux('linux', '0:1x11 1:2x1 0:1x2 0:2x1 0:1x1', setup);

    expect(lastEntry(booted)).toMatchObject({ ip: abort });
    expect(booted.kernel.counts.restarts).toBe(2);
  });

  test.each([
    ['ignored', SIG_IGN],
    ['fatal', 0],
  ])('that is %s counts for nothing', (_what, action) => {
    const { kernel } = runLinux('linux', AT, { ...SIGNALLED, action });

    expect(kernel.counts.restarts).toBe(0);
    expect(threadOf(kernel, 1).events & RseqEvent.Signal).toBe(0);
  });

  test('with a descriptor that is not valid is SIGSEGV, and no frame is built', () => {
    const { kernel } = runLinux('linux', AT, { ...SIGNALLED, section: { version: 2 } });

    expect(kernel.process.death?.message).toContain('version 2 is not 0');
    expect(threadOf(kernel, 1).frames).toEqual([]);
  });
});

describe('clone of a thread', () => {
  test('leaves it unregistered', () => {
    const { personality, thread } = interruptedIn('linux');

    expect(cloneOf(personality, thread).registration).toBeUndefined();
  });

  test('takes away what a thread would have', () => {
    const { personality, thread } = interruptedIn('linux');
    const child = cloneOf(personality, thread);
    child.registration = thread.registration;

    personality.onClone(thread, child);

    expect(child.registration).toBeUndefined();
    expect(thread.registration).toBeDefined();
  });

  test('the child registers an area of its own', () => {
    const seen: number[] = [];
    const worker = [syscall(...rseq(0x80)), act(({ result }) => seen.push(result))];

    runLinux('linux', '0:1x3 1:2x3', { worker });

    expect(seen).toEqual([0]);
  });
});

describe('fork', () => {
  test('inherits area, length and signature: the same again is -EBUSY', () => {
    const { personality, thread } = interruptedIn('linux');
    const child = forkOf(personality, thread);

    expect(child.registration).toEqual(thread.registration);
    expect(call(personality, child, ...rseq())).toBe(-Errno.EBUSY);
  });

  test('inherits the pending events: the child’s section is aborted', () => {
    const { personality, thread } = interruptedIn('linux');
    const child = forkOf(personality, thread);
    child.registers.ip = START + 1;

    expect(child.events).toBe(RseqEvent.Preempt);
    expect(personality.onResume(child)).toBe('redirected');
  });
});

describe('exec', () => {
  test('unregisters every thread and forgets what is pending', () => {
    const { personality, thread, process } = interruptedIn('linux');
    thread.notifyResume = true;

    personality.onExec(process);

    expect(thread).toMatchObject({ registration: undefined, events: 0, notifyResume: false });
  });
});

describe('exit', () => {
  test('writes nothing', () => {
    const { personality, thread, memory } = interruptedIn('linux');
    thread.notifyResume = true;

    personality.onExit(thread);

    expect(memory.written).toEqual([]);
    expect(thread.notifyResume).toBe(false);
  });

  test('leaves the area of the thread as it was', () => {
    const main = participant([act(({ memory }) => memory.storeI32(AREA, 77)), ret(0)]);
    const { memory } = runLinux('linux', '0:1x6', { main });

    expect(areaWords(memory)).toMatchObject({ cpuIdStart: 77, cpuId: 0 });
  });
});

describe('a thread that is not registered', () => {
  test('takes no part', () => {
    const { personality, thread, memory } = interruptedIn('linux');
    thread.registration = undefined;

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(personality.onSignal(thread)).toBe('unchanged');
    expect(memory.written).toEqual([]);
    expect(thread.events).toBe(RseqEvent.Preempt);
  });
});

test('an endless abort is legal: a slice shorter than the section makes no progress', () => {
  // From abort back to the section.
  const main = [...participant().slice(0, 20), jump(9), ...work(8)];
  const slices = `0:1x11 ${'0:2x1 0:1x4 '.repeat(20)}0:2x1`;

  const { kernel } = runLinux('linux', slices, { main });

  expect(kernel.counts.restarts).toBe(20);
});
