// percpu: the call, what the kernel does when a thread gets a CPU, and that it never moves an ip.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { PercpuSignalPersonality } from '../../../src/kernel/rseq/percpu-signal.js';
import {
  boot,
  type Booted,
  choices,
  resultsOf,
  sliceCount,
  spawn,
  stepTimes,
  threadOf,
  WILD,
} from '../boot.js';
import {
  act,
  type Guest,
  ipOf,
  type Script,
  syscall,
  type Word,
  work,
} from '../scripted-machine.js';
import { ACTION, HANDLE, HANDLER, HOG, lastEntry } from '../turner-scripts.js';
import { type Bench, bench, call, cloneOf, forkOf, words } from './hooks.js';

const AREA = 0x40;
const NESTING = AREA;
const SIGNAL_SENT = AREA + 4;
const SIGNO = AREA + 8;
const CURRENT_CPU = AREA + 12;

type Call = readonly [number, ...Word[]];

function register(area = AREA, flags = 0): Call {
  return [Sysno.RestartableSequences, area, flags];
}

function results(...calls: readonly Call[]): number[] {
  return resultsOf(calls, { personality: new PercpuSignalPersonality() }).results;
}

function enter({ memory }: Guest): void {
  memory.storeI32(SIGNO, Signal.SIGUSR1);
  memory.storeI32(NESTING, 1);
}

/** Registers, takes a handler, and enters a section with its fourth step. */
const NESTED: Script = [syscall(...register()), spawn(1), HANDLE, act(enter), ...work(30)];

function run(slices: string, main: Script = NESTED, handler: Script = work(6)): Booted {
  const personality = new PercpuSignalPersonality();
  const scripts = { 0: main, 1: HOG, [HANDLER]: handler };
  const booted = boot(scripts, { cpus: 2, scheduler: choices(slices), personality });
  booted.memory.storeI32(ACTION, HANDLER);
  stepTimes(booted.kernel, sliceCount(slices));
  return booted;
}

interface SwitchBench extends Bench {
  readonly personality: PercpuSignalPersonality;
}

/** A registered thread in `nesting` sections, which has asked for `signo`. */
function nested(nesting: number, sent = 0, signo: number = Signal.SIGUSR1): SwitchBench {
  const built = bench();
  built.thread.area = AREA;
  built.thread.cpu = 1;
  built.memory.storeI32(NESTING, nesting);
  built.memory.storeI32(SIGNAL_SENT, sent);
  built.memory.storeI32(SIGNO, signo);
  built.memory.written.length = 0;
  return { ...built, personality: new PercpuSignalPersonality() };
}

describe('percpu(area, flags)', () => {
  test.each<[string, readonly Call[], readonly number[]]>([
    ['flags are -EINVAL', [register(AREA, 1)], [-Errno.EINVAL]],
    ['flags are -EINVAL with NULL too', [register(0, 1)], [-Errno.EINVAL]],
    ['NULL is 0 where none is registered', [register(0)], [0]],
    ['NULL is 0 where one is', [register(), register(0)], [0, 0]],
    ['the same again is 0', [register(), register()], [0, 0]],
    ['another is 0', [register(), register(0x80)], [0, 0]],
    ['aligned to 4 is 0', [register(0x44)], [0]],
    ['misaligned is -EINVAL', [register(0x42)], [-Errno.EINVAL]],
    ['beyond user space is -EFAULT', [register(TASK_SIZE)], [-Errno.EFAULT]],
    ['that ends beyond user space is -EFAULT', [register(TASK_SIZE - 12)], [-Errno.EFAULT]],
    ['unmapped is -EFAULT', [register(WILD)], [-Errno.EFAULT]],
    ['misaligned and beyond is -EINVAL', [register(0xffffffff)], [-Errno.EINVAL]],
  ])('%s', (_what, calls, expected) => {
    expect(results(...calls)).toEqual(expected);
  });

  test('writes the cpu at once, and nothing else', () => {
    const { thread, memory } = bench();
    thread.cpu = 1;

    call(new PercpuSignalPersonality(), thread, Sysno.RestartableSequences, AREA, 0);

    expect(memory.loadI32(CURRENT_CPU)).toBe(1);
    expect(memory.written).toEqual([CURRENT_CPU]);
  });

  test('replaces the area silently', () => {
    const main = [syscall(...register()), syscall(...register(0x80)), ...work(9)];
    const { memory } = run('0:1x3 1:1x1', main);

    expect([memory.loadI32(CURRENT_CPU), memory.loadI32(0x8c)]).toEqual([0, 1]);
  });

  test('that fails leaves the area there was', () => {
    const main = [syscall(...register()), syscall(...register(WILD)), ...work(9)];

    expect(run('0:1x3 1:1x1', main).memory.loadI32(CURRENT_CPU)).toBe(1);
  });

  test('of NULL unregisters: the cpu is not written any more', () => {
    const main = [syscall(...register()), syscall(...register(0)), ...work(9)];

    expect(run('0:1x3 1:1x1', main).memory.loadI32(CURRENT_CPU)).toBe(0);
  });
});

describe('a thread that gets a cpu', () => {
  test('outside sections has the cpu written, only', () => {
    const { personality, thread, memory } = nested(0);

    expect(personality.onSwitchIn(thread)).toBe(0);
    expect(words(memory, AREA, 4)).toEqual([0, 0, Signal.SIGUSR1, 1]);
    expect(memory.written).toEqual([CURRENT_CPU]);
  });

  test.each([1, 2, -1])('in %i sections is sent the signal it asked for', (nesting) => {
    const { personality, thread, memory } = nested(nesting);

    expect(personality.onSwitchIn(thread)).toBe(Signal.SIGUSR1);
    expect(words(memory, AREA, 4)).toEqual([nesting, 1, Signal.SIGUSR1, 1]);
  });

  test('is sent one signal until it clears signal_sent', () => {
    const { personality, thread, memory } = nested(1);

    const sent = [1, 2].map(() => personality.onSwitchIn(thread));
    memory.storeI32(SIGNAL_SENT, 0);
    sent.push(personality.onSwitchIn(thread));

    expect(sent).toEqual([Signal.SIGUSR1, 0, Signal.SIGUSR1]);
  });

  test.each([1, -1, 7])('with signal_sent %i has the cpu written, only', (sent) => {
    const { personality, thread, memory } = nested(1, sent);

    expect(personality.onSwitchIn(thread)).toBe(0);
    expect(memory.written).toEqual([CURRENT_CPU]);
    expect(memory.loadI32(CURRENT_CPU)).toBe(1);
  });

  test.each([0, -1, 65])('that asked for %i, which is no signal, has the cpu written', (signo) => {
    const { personality, thread, memory } = nested(1, 0, signo);

    expect(personality.onSwitchIn(thread)).toBe(0);
    expect(words(memory, AREA, 4)).toEqual([1, 0, signo, 1]);
  });

  test('and has no area has nothing written', () => {
    const { personality, thread, memory } = nested(1);
    thread.area = 0;

    expect(personality.onSwitchIn(thread)).toBe(0);
    expect(memory.written).toEqual([]);
  });

  test('and whose area is gone is none the worse', () => {
    const { personality, thread } = nested(1);
    thread.area = WILD;

    expect(personality.onSwitchIn(thread)).toBe(0);
    expect(personality.onResume(thread)).toBe('unchanged');
  });

  test('and whose area cannot be written is sent the signal all the same', () => {
    const { personality, thread, memory } = nested(1);
    for (const address of [SIGNAL_SENT, CURRENT_CPU]) memory.unwritable.add(address);

    expect(personality.onSwitchIn(thread)).toBe(Signal.SIGUSR1);
  });

  test('is the running one: the handler runs before its next instruction', () => {
    const booted = run('0:1x6 0:2x1 0:1x1');

    expect(threadOf(booted.kernel, 1).registers.ip).toBe(ipOf(1, HANDLER));
    expect(booted.kernel.counts.signals).toBe(1);
  });

  test('by migration finds the new cpu, without nesting and without a signal', () => {
    const main = [syscall(...register()), ...work(20)];
    const { kernel, memory } = run('0:1x3 1:1x1', main);

    expect(memory.loadI32(CURRENT_CPU)).toBe(1);
    expect(kernel.counts.signals).toBe(0);
  });

  test('by sched_setaffinity finds the new cpu when the call returns', () => {
    const seen: (number | undefined)[] = [];
    const main = [
      syscall(...register()),
      act(({ memory }) => memory.storeI32(0xc0, 0b10)),
      syscall(Sysno.SchedSetaffinity, 0, 4, 0xc0),
      act(({ memory }) => seen.push(memory.loadI32(CURRENT_CPU))),
    ];

    run('0:1x3 1:1x1', main);

    expect(seen).toEqual([1]);
  });
});

describe('the ip', () => {
  test('of a section is never moved: the frame holds the interrupted one', () => {
    const { kernel } = run('0:1x6 0:2x1 0:1x1');

    expect(threadOf(kernel, 1).frames[0]?.registers.ip).toBe(ipOf(6));
    expect(kernel.counts.restarts).toBe(0);
  });

  test('after the handler is where it was', () => {
    const booted = run('0:1x6 0:2x1 0:1x4', NESTED, work(2));

    expect(lastEntry(booted)).toMatchObject({ ip: ipOf(6) });
  });

  test('stays what it is in every hook', () => {
    const { personality, thread } = nested(1);
    thread.registers.ip = 0x1234;
    const before = { ...thread.registers };

    personality.onSwitchOut(thread.registers);
    personality.onSwitchIn(thread);
    personality.onResume(thread);
    personality.onSignal(thread);

    expect(thread.registers).toEqual(before);
  });
});

test('by the timer without a switch nothing is sent', () => {
  const { kernel } = run('0:1x6 0:1x1 0:1x1');

  expect(kernel.counts.signals).toBe(0);
});

describe('clone, fork, exec and exit', () => {
  test('a thread has no area', () => {
    const { personality, thread } = nested(0);
    const child = cloneOf(personality, thread);
    child.area = AREA;

    personality.onClone(thread, child);

    expect(child.area).toBe(0);
  });

  test('a new process inherits the address', () => {
    const { personality, thread } = nested(0);

    expect(forkOf(personality, thread).area).toBe(AREA);
  });

  test('exec unregisters', () => {
    const { personality, thread, process } = nested(0);

    personality.onExec(process);

    expect(thread.area).toBe(0);
  });

  test('exit writes nothing', () => {
    const { personality, thread, memory } = nested(0);

    personality.onExit(thread);

    expect(memory.written).toEqual([]);
  });
});
