// The ABI of the RFC, row by row: what preemption, migration, system calls and signals do to the ip, to
// r10 and to the cpu word. Each law is read off a kernel that runs scripts; an entry is what user code
// was entered with.

import { describe, expect, test } from 'vitest';
import { SIG_IGN, Signal } from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { Process } from '../../src/kernel/process.js';
import { TurnerPersonality } from '../../src/kernel/rseq/turner.js';
import { TraceEvent } from '../../src/kernel/trace.js';
import { ArrayMemory } from './array-memory.js';
import {
  boot,
  choices,
  eventsOf,
  MEMORY_BYTES,
  sliceCount,
  spawn,
  stepTimes,
  threadOf,
  WILD,
} from './boot.js';
import { act, ipOf, jump, ret, type Script, type Step, syscall, work } from './scripted-machine.js';
import {
  WORD,
  MASK,
  ACTION,
  critical,
  pointer,
  PROLOGUE,
  START,
  END,
  RESTART,
  participant,
  HOG,
  runSlices,
  lastEntry,
  afterPreemptionAt,
  HANDLER,
  HANDLE,
  KILLER,
  bootWithHandler,
  signalAt,
  newThread,
} from './turner-scripts.js';

describe('preemption', () => {
  test.each([
    ['before start', START - 1, START - 1, 0],
    ['at start', START, RESTART, START],
    ['behind start', START + 1, RESTART, START + 1],
    ['at the last instruction', END - 1, RESTART, END - 1],
    ['at end', END, END, 0],
    ['behind end', END + 1, END + 1, 0],
    ['at restart', RESTART, RESTART, 0],
  ])('%s', (_where, at, ip, r10) => {
    expect(afterPreemptionAt(at)).toMatchObject({ ip, r10 });
  });

  test('leaves ax and the thread pointer alone', () => {
    const main = participant([syscall(Sysno.ArchPrctl, 0x1002, 0x1234), syscall(Sysno.Gettid)]);

    expect(afterPreemptionAt(START + 1, main)).toMatchObject({ ax: 1, tp: 0x1234 });
  });

  test('the call that suspended the thread returns the new ip', () => {
    expect(afterPreemptionAt(START).resumeValue).toBe(RESTART);
  });

  test('a restart inside the region is restarted from there', () => {
    const main = participant([], START + 2);

    const booted = runSlices(main, '0:1x11 0:2x1 0:1x1 0:2x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: START + 2, r10: START + 3 });
    expect(booted.kernel.counts.restarts).toBe(2);
  });

  test('a second one outside the section keeps the r10 of the first', () => {
    const booted = runSlices(participant([]), '0:1x12 0:2x1 0:1x3 0:2x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: RESTART + 3, r10: START + 2 });
  });

  test('a thread that is switched out is restarted once, however long it waits', () => {
    const booted = runSlices(participant([]), '0:1x12 0:2x1 0:2x1 1:2x1 0:2x1 1:1x1');

    expect(booted.kernel.counts.restarts).toBe(1);
    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: START + 2 });
  });

  test('by the timer without a switch aborts nothing', () => {
    const booted = runSlices(participant([]), '0:1x11 0:1x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: START + 2, r10: 0 });
    expect(booted.kernel.counts.restarts).toBe(0);
  });

  test('a switch on another cpu aborts nothing here', () => {
    const booted = runSlices(participant([]), '0:1x11 1:2x1 1:2x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: START + 1, r10: 0 });
  });

  test('does not touch user memory until the thread is resumed', () => {
    const { memory } = runSlices(
      participant([act(({ memory }) => memory.storeI32(WORD, 77))]),
      '0:1x12 0:2x1',
    );

    expect(memory.loadI32(WORD)).toBe(77);
  });

  test('rewrites the word at resume even on the same cpu', () => {
    const { memory } = runSlices(
      participant([act(({ memory }) => memory.storeI32(WORD, 77))]),
      '0:1x12 0:2x1 0:1x1',
    );

    expect(memory.loadI32(WORD)).toBe(0);
  });

  test('the word is current before the restart handler runs', () => {
    const words: (number | undefined)[] = [];
    const body = [
      ...work(RESTART - ipOf(PROLOGUE)),
      act(({ memory }) => words.push(memory.loadI32(WORD))),
    ];
    runSlices(participant(body), '0:1x12 0:2x1 1:1x1');

    expect(words).toEqual([1]);
  });
});

describe('a thread without a cpu pointer', () => {
  test('takes no part, even inside the region', () => {
    const main = [syscall(...critical(START, END, RESTART)), ...work(1), spawn(1), ...work(30)];

    expect(afterPreemptionAt(START + 1, main)).toMatchObject({ ip: START + 1, r10: 0 });
  });

  test('takes no part any more when it has given its pointer up', () => {
    const main = participant([syscall(...pointer(0))]);

    expect(afterPreemptionAt(START + 1, main)).toMatchObject({ ip: START + 1, r10: 0 });
  });

  test('takes no part in signals either', () => {
    const main = participant([HANDLE, syscall(...pointer(0))]);
    const slices = '0:1x12 1:2x1 0:1x1';

    const { kernel } = bootWithHandler(work(4), slices, { main });

    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({ ip: START + 2, r10: 0 });
  });
});

describe('migration', () => {
  test('updates the word outside a section', () => {
    const { kernel, memory } = runSlices(participant([]), '0:1x6 1:1x1');

    expect(memory.loadI32(WORD)).toBe(1);
    expect(kernel.counts).toMatchObject({ migrations: 1, restarts: 0 });
  });

  test('restarts a section', () => {
    const booted = runSlices(participant([]), '0:1x11 1:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: START + 1 });
    expect(booted.memory.loadI32(WORD)).toBe(1);
  });

  test('there and back before it runs restarts once', () => {
    const moves = [MASK, MASK + 4].map((mask) => syscall(Sysno.SchedSetaffinity, 1, 4, mask));
    const worker = [...moves, jump(2)];
    const scheduler = choices('0:1x11 1:2x3 1:2x3 0:1x1');
    const booted = boot({ 0: participant([]), 1: worker }, { cpus: 2, scheduler });
    booted.memory.storeI32(MASK, 0b10);
    booted.memory.storeI32(MASK + 4, 0b01);

    stepTimes(booted.kernel, 4);

    expect(booted.kernel.counts).toMatchObject({ migrations: 2, restarts: 1 });
    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: START + 1 });
  });

  test('by sched_setaffinity updates the word before the call returns', () => {
    const words: (number | undefined)[] = [];
    const main = participant([
      syscall(Sysno.SchedSetaffinity, 0, 4, MASK),
      act(({ result, memory }) => words.push(result, memory.loadI32(WORD))),
    ]);
    const scheduler = choices('0:1x5 1:1x1');
    const { kernel, memory } = boot({ 0: main, 1: HOG }, { cpus: 2, scheduler });
    memory.storeI32(MASK, 0b10);

    stepTimes(kernel, 2);

    expect(words).toEqual([0, 1]);
  });
});

describe('a system call inside the region', () => {
  const AT_SECTION = START - ipOf(PROLOGUE) + 1;

  function insideCall(step: Step): Script {
    return participant([...work(AT_SECTION), step]);
  }

  test('that does not switch aborts nothing', () => {
    const booted = runSlices(insideCall(syscall(Sysno.Gettid)), '0:1x13');

    expect(booted.kernel.counts.restarts).toBe(0);
    expect(threadOf(booted.kernel, 1).registers.ip).toBe(START + 3);
  });

  test('that yields to nobody aborts nothing', () => {
    const booted = runSlices(insideCall(syscall(Sysno.SchedYield)), '0:1x20 0:1x1');

    expect(booted.kernel.counts.restarts).toBe(0);
  });

  test('that yields to another thread is restarted at resume', () => {
    const booted = runSlices(insideCall(syscall(Sysno.SchedYield)), '0:1x20 0:2x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: START + 1 });
    expect(threadOf(booted.kernel, 1).registers.ip).toBe(RESTART + 1);
  });

  test('that blocks is restarted when it wakes', () => {
    const booted = runSlices(insideCall(syscall(Sysno.Join, 2)), '0:1x20 0:2x1 0:1x1', [ret(3)]);

    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: START + 1 });
  });
});

describe('a cpu pointer that cannot be written at resume', () => {
  const unmapping = participant([syscall(...pointer(WILD)), ...work(1)]);

  test('is SIGSEGV for the process', () => {
    const { kernel } = boot({ 0: unmapping, 1: HOG });

    expect(kernel.run()).toMatchObject({
      reason: 'killed',
      exitStatus: 128 + Signal.SIGSEGV,
      death: { signal: Signal.SIGSEGV, tid: 1 },
    });
  });

  test('does not excuse the ip check', () => {
    const memory = new ArrayMemory(MEMORY_BYTES);
    const process = new Process(1, memory);
    const thread = newThread(process, 1);
    process.region = { start: START, end: END, restart: RESTART };
    Object.assign(thread, { cpuPointer: WILD });
    thread.registers.ip = START + 1;

    const outcome = new TurnerPersonality().onResume(thread);

    expect(outcome).toEqual({ message: 'cpu pointer 0x7fff0000 cannot be written' });
    expect(thread.registers).toMatchObject({ ip: RESTART, r10: START + 1 });
  });
});

describe('a signal', () => {
  test.each([
    ['before start', START - 1, START - 1, 0],
    ['at start', START, RESTART, START],
    ['at the last instruction', END - 1, RESTART, END - 1],
    ['at end', END, END, 0],
  ])('%s: the frame holds the ip and r10 after the fixup', (_where, at, ip, r10) => {
    const { kernel } = signalAt(at);

    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({ ip, r10 });
  });

  test('needs no switch: the interrupted section is aborted all the same', () => {
    const { kernel, events } = signalAt(START + 1);

    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1, preemptions: 0 });
    expect(eventsOf(events, TraceEvent.Signal)[0]?.b).toBe(RESTART);
  });

  test('the fixup comes before the frame', () => {
    const { events } = signalAt(START + 1);

    const kinds = events.map((event) => event.kind);
    expect(kinds.indexOf(TraceEvent.Restart)).toBeLessThan(kinds.indexOf(TraceEvent.Signal));
  });

  test('after sigreturn the restart handler runs, with the interrupted ip in r10', () => {
    const booted = bootWithHandler(work(2), '0:1x11 1:2x1 0:1x4');

    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: START + 1, resumeValue: RESTART });
    expect(threadOf(booted.kernel, 1).frames).toEqual([]);
  });

  test('r10 survives a handler that overwrites it', () => {
    const scribble = act(({ registers }) => (registers.r10 = 0xbad));

    const booted = bootWithHandler([scribble], '0:1x11 1:2x1 0:1x4');

    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: START + 1 });
  });

  test('and a preemption at the same resume abort once', () => {
    const { kernel } = bootWithHandler(work(4), '0:1x11 0:2x1 0:1x1');

    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1 });
    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({ ip: RESTART, r10: START + 1 });
  });

  test('the handler of a thread that has migrated sees the new cpu in the word', () => {
    const words: (number | undefined)[] = [];
    const handler = [act(({ memory }) => words.push(memory.loadI32(WORD)))];

    bootWithHandler(handler, '0:1x11 0:2x1 1:1x1');

    expect(words).toEqual([1]);
  });

  test('a handler that is preempted outside the region goes on where it was', () => {
    const slices = '0:1x11 1:2x1 0:1x2 0:2x1 0:1x1';

    const booted = bootWithHandler(work(6), slices);

    expect(lastEntry(booted)).toMatchObject({ ip: ipOf(2, HANDLER) });
    expect(booted.kernel.counts.restarts).toBe(1);
  });

  test('that is ignored aborts nothing', () => {
    const booted = signalAt(START + 1, SIG_IGN);

    expect(lastEntry(booted)).toMatchObject({ ip: START + 1, r10: 0 });
    expect(booted.kernel.counts).toMatchObject({ restarts: 0, signals: 0 });
  });

  test('that is blocked aborts nothing', () => {
    const block = syscall(Sysno.RtSigprocmask, 0, MASK, 0, 8);
    const main = participant([HANDLE, block]);
    const scheduler = choices('0:1x11 1:2x1 0:1x1');
    const booted = boot({ 0: main, 1: KILLER, 2: [] }, { cpus: 2, scheduler });
    booted.memory.storeI32(ACTION, HANDLER);
    booted.memory.storeI32(MASK, 1 << (Signal.SIGUSR1 - 1));

    stepTimes(booted.kernel, 3);

    expect(lastEntry(booted)).toMatchObject({ ip: START + 1, r10: 0 });
  });

  test('that terminates does so without a restart', () => {
    const { kernel } = signalAt(START + 1, 0);

    expect(kernel.counts.restarts).toBe(0);
    expect(kernel.process.exitStatus).toBe(128 + Signal.SIGUSR1);
  });

  test('finds a section of the handler’s own as any other', () => {
    const start = ipOf(1, HANDLER);
    const restart = ipOf(8, HANDLER);
    const main = [
      syscall(...critical(start, start + 4, restart)),
      syscall(...pointer(WORD)),
      spawn(1),
      HANDLE,
      ...work(30),
    ];
    const slices = '0:1x11 1:2x1 0:1x2 0:2x1 0:1x1';
    const scheduler = choices(slices);
    const booted = boot({ 0: main, 1: KILLER, 2: work(12) }, { cpus: 2, scheduler });
    booted.memory.storeI32(ACTION, HANDLER);

    stepTimes(booted.kernel, sliceCount(slices));

    expect(lastEntry(booted)).toMatchObject({ ip: restart, r10: start + 1 });
  });
});

describe('the trace of the RFC’s contract', () => {
  // One region over two sequences, a common restart handler that dispatches on r10.
  const LOCK = 6;
  const COMPARE = 12;
  const AFTER = 16;
  const HANDLER_AT = 24;

  /** Where the handler sends the thread that was interrupted at step `at`. */
  function dispatched(at: number): number {
    const main = [
      syscall(...critical(ipOf(LOCK), ipOf(20), ipOf(HANDLER_AT))),
      syscall(...pointer(WORD)),
      spawn(1),
      ...work(HANDLER_AT - 3),
      jump(LOCK, ({ registers }) => registers.r10 < ipOf(COMPARE)),
      jump(COMPARE, ({ registers }) => registers.r10 < ipOf(AFTER)),
      jump(20),
    ];
    const slices = `0:1x${at} 0:2x1 0:1x1 0:1x1 0:1x1 0:1x1`;
    const { machine } = runSlices(main, slices);
    const homes = [LOCK, COMPARE, 20].map((step) => ipOf(step));
    return machine.entries.map(({ ip }) => ip).find((ip) => homes.includes(ip)) ?? 0;
  }

  test.each([
    ['the first sequence', LOCK + 2, LOCK],
    ['the second sequence', COMPARE + 3, COMPARE],
    ['code behind a commit but inside the region', AFTER, 20],
  ])('%s finds its own entry', (_where, at, to) => {
    expect(dispatched(at)).toBe(ipOf(to));
  });
});
