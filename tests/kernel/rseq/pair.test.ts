// Linux's rseq and the old region in one process: the new one first, the region on the ip that came
// of it, and each with its own registration.

import { describe, expect, test } from 'vitest';
import { Sysno } from '../../../src/abi/syscall.js';
import { PairPersonality } from '../../../src/kernel/rseq/pair.js';
import type { Personality, ResumeOutcome } from '../../../src/kernel/rseq/personality.js';
import { GooglePersonality, TurnerPersonality } from '../../../src/kernel/rseq/turner.js';
import { spawn, threadOf } from '../boot.js';
import { ipOf, type Script, type Step, syscall, work } from '../scripted-machine.js';
import { critical, KILLER, pointer } from '../turner-scripts.js';
import { type Bench, bench, cloneOf, forkOf } from './hooks.js';
import {
  ABORT,
  AREA,
  areaWords,
  ARM,
  DESCRIPTOR,
  END,
  HANDLE,
  idsOf,
  interruptedIn,
  lastEntry,
  linux,
  OPTIMIZED,
  overwritten,
  rseq,
  runLinux,
  type RunSetup,
  START,
  STORE_SECTION,
} from './linux-scripts.js';

const WORD = 0x180;
const RESTART = ipOf(30);

function pair(debug = false): PairPersonality {
  return new PairPersonality(linux('linux', { debug }), new TurnerPersonality());
}

/** Registers a region and an area, and then arms the section of linux. */
function both(start: number, end: number, third: Step = HANDLE): Script {
  return [
    syscall(...critical(start, end, RESTART)),
    syscall(...pointer(WORD)),
    syscall(...rseq()),
    spawn(1),
    third,
    ...work(ARM - 5),
    STORE_SECTION,
    ...work(30),
  ];
}

function run(main: Script, slices: string, setup: RunSetup = {}) {
  return runLinux('linux', slices, { main, personality: pair(), ...setup });
}

describe('preemption', () => {
  test('in a section of linux goes to its abort label', () => {
    const booted = run(both(0x2000, 0x2010), '0:1x11 0:2x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT, r10: 0 });
    expect(booted.kernel.counts.restarts).toBe(1);
  });

  test('in the region goes to its restart handler', () => {
    const booted = run(both(END + 1, END + 4), '0:1x16 0:2x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: RESTART, r10: END + 2 });
  });

  test('in both goes to the abort label first, and the region is asked about that', () => {
    const outside = run(both(START, END), '0:1x11 0:2x1 0:1x1');
    expect(lastEntry(outside)).toMatchObject({ ip: ABORT, r10: 0 });

    const inside = run(both(ABORT - 1, ABORT + 1), '0:1x11 0:2x1 0:1x1');
    expect(lastEntry(inside)).toMatchObject({ ip: RESTART, r10: ABORT });
    expect(inside.kernel.counts.restarts).toBe(1);
  });

  test('in neither goes nowhere, and writes the words of both', () => {
    const booted = run(both(0x2000, 0x2010), '0:1x7 0:2x1 1:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: ipOf(7) });
    expect(idsOf(booted.memory).slice(0, 2)).toEqual([1, 1]);
    expect(booted.memory.loadI32(WORD)).toBe(1);
  });

  test('counts for linux alone when no region is set, and the other way round', () => {
    const onlyLinux = [syscall(...rseq()), spawn(1), ...work(ARM - 2), STORE_SECTION, ...work(20)];
    expect(lastEntry(run(onlyLinux, '0:1x11 0:2x1 0:1x1'))).toMatchObject({ ip: ABORT });

    const onlyRegion = [
      syscall(...critical(START, END, RESTART)),
      syscall(...pointer(WORD)),
      spawn(1),
      ...work(30),
    ];
    expect(lastEntry(run(onlyRegion, '0:1x11 0:2x1 0:1x1'))).toMatchObject({ ip: RESTART });
  });
});

describe('a signal', () => {
  test('is fixed up by both before the frame', () => {
    const main = both(ABORT - 1, ABORT + 1);
    const { kernel } = run(main, '0:1x11 1:2x1 0:1x1', { worker: KILLER });

    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({ ip: RESTART, r10: ABORT });
  });
});

describe('an incoherence', () => {
  test('of the first stops: the region is not asked, and its word not written', () => {
    const main = both(START, END);
    const setup = { section: { version: 1 }, ...overwritten(WORD, 77) };
    const { kernel, memory } = run(main, '0:1x11 0:2x1 | 0:1x1', setup);

    expect(kernel.process.death?.message).toContain('version 1');
    expect(memory.loadI32(WORD)).toBe(77);
  });

  test('of the second kills too, though the first has redirected', () => {
    const { thread } = interruptedIn('linux');
    thread.cpuPointer = 0x7fff0000;

    expect(pair().onResume(thread)).toEqual({
      message: 'cpu pointer 0x7fff0000 cannot be written',
    });
    expect(thread.registers.ip).toBe(ABORT);
  });
});

function giving(outcome: ResumeOutcome, personality: Personality): Personality {
  personality.onResume = () => outcome;
  return personality;
}

describe('the outcome', () => {
  const outcomes: readonly ResumeOutcome[] = ['unchanged', 'redirected'];

  test.each(outcomes.flatMap((first) => outcomes.map((second) => [first, second] as const)))(
    'of %s and %s',
    (first, second) => {
      const personality = new PairPersonality(
        giving(first, linux('linux')),
        giving(second, new TurnerPersonality()),
      );

      const expected = first === second ? first : 'redirected';
      expect(personality.onResume(bench().thread)).toBe(expected);
    },
  );
});

describe('the system calls', () => {
  test('are those of both', () => {
    expect([...pair().syscalls.keys()].sort((a, b) => a - b)).toEqual([323, 334]);
  });

  test('must not clash', () => {
    expect(() => new PairPersonality(new GooglePersonality(), new TurnerPersonality())).toThrow(
      'google and turner both have system call 323',
    );
  });

  test('of the region work beside rseq', () => {
    const main = both(START, END);
    const { kernel } = run(main, '0:1x4');

    expect(kernel.process.region).toEqual({ start: START, end: END, restart: RESTART });
    expect(threadOf(kernel, 1)).toMatchObject({ cpuPointer: WORD, registration: { area: AREA } });
  });
});

describe('the hooks of linux alone', () => {
  test('a fence is there', () => {
    expect(pair().hasFence).toBe(true);
  });

  test('a system call inside a section is SIGSEGV with the debug option', () => {
    const main = [...both(0x2000, 0x2010).slice(0, 11), syscall(Sysno.Gettid), ...work(9)];
    const { kernel } = run(main, '0:1x13', { personality: pair(true) });

    expect(kernel.process.death?.message).toContain('system call inside the section');
  });

  test('slices are extended with linux-v2, and end with a call', () => {
    const personality = new PairPersonality(
      linux('linux-v2', { sliceExtension: 3 }),
      new GooglePersonality(),
    );
    const { thread, memory } = interruptedIn('linux-v2', { length: OPTIMIZED, flags: 2 });
    memory.storeI32(AREA + 28, 1);

    expect(personality.onSliceEnd(thread)).toBe(3);
    expect(personality.onSyscallEntry(thread, Sysno.Gettid)).toBe(true);
    expect(personality.name).toBe('linux-v2+google');
  });

  test('are nothing where linux 6.18 has none', () => {
    const { thread } = interruptedIn('linux');

    expect(pair().onSliceEnd(thread)).toBe(0);
    expect(pair().onSyscallEntry(thread, Sysno.Gettid)).toBe(false);
    expect(pair().onSyscallExit(thread)).toBe('unchanged');
  });
});

/** A thread that has both, and resume work. */
function registered(): Bench {
  const { thread, process, memory } = interruptedIn('linux');
  thread.cpuPointer = WORD;
  process.region = { start: START, end: END, restart: RESTART };
  thread.notifyResume = true;
  return { thread, process, memory };
}

describe('clone, fork, exec and exit', () => {
  test('go to both', () => {
    const { thread } = registered();
    const clone = cloneOf(pair(), thread);
    Object.assign(clone, { cpuPointer: WORD, registration: thread.registration });
    pair().onClone(thread, clone);
    const fork = forkOf(pair(), thread);

    expect(clone).toMatchObject({ cpuPointer: 0, registration: undefined });
    expect(fork).toMatchObject({ cpuPointer: 0, registration: thread.registration });
    expect(fork.process.region).toEqual(thread.process.region);
  });

  test('exec too', () => {
    const { thread, process } = registered();

    pair().onExec(process);

    expect(thread).toMatchObject({ cpuPointer: 0, registration: undefined });
    expect(process.region).toBeUndefined();
  });

  test('exit too, and writes nothing', () => {
    const { thread, memory } = registered();

    pair().onExit(thread);

    expect(thread.notifyResume).toBe(false);
    expect(memory.written).toEqual([]);
    expect(areaWords(memory).section).toBe(BigInt(DESCRIPTOR));
  });
});
