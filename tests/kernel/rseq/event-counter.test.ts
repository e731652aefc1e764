// Event counters: the call with its errnos in order, what an event does to area and ip, and what
// clone, fork, exec and exit make of a registration.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { EventCounterPersonality } from '../../../src/kernel/rseq/event-counter.js';
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
import { act, ipOf, type Script, syscall, type Word, work } from '../scripted-machine.js';
import { HANDLE, HANDLER, HOG, KILLER, lastEntry, ACTION } from '../turner-scripts.js';
import { type Bench, bench, call, cloneOf, forkOf, words } from './hooks.js';
import { storeU64 } from './linux-scripts.js';

const AREA = 0x40;
const COUNTER = AREA + 4;
const POST_COMMIT_IP = AREA + 8;
const START = ipOf(10);
const END = ipOf(14);
const ABORT = ipOf(20);

type Call = readonly [number, ...Word[]];

function register(area = AREA, flags = 0): Call {
  return [Sysno.RestartableSequences, area, flags];
}

function results(...calls: readonly Call[]): number[] {
  return resultsOf(calls, { personality: new EventCounterPersonality() }).results;
}

/** cx = abort, dx = the count now, post-commit ip = end: the beginning of a section. */
const BEGIN = act(({ registers, memory }) => {
  registers.cx = ABORT;
  registers.dx = memory.loadI32(COUNTER) ?? 0;
  storeU64(memory, POST_COMMIT_IP, END);
});

function participant(body: Script = []): Script {
  return [syscall(...register()), spawn(1), ...body, ...work(7 - body.length), BEGIN, ...work(30)];
}

function run(slices: string, main: Script = participant(), worker: Script = HOG): Booted {
  const personality = new EventCounterPersonality();
  const scheduler = choices(slices);
  const scripts = { 0: main, 1: worker, [HANDLER]: work(6) };
  const booted = boot(scripts, { cpus: 2, scheduler, personality });
  booted.memory.storeI32(ACTION, HANDLER);
  stepTimes(booted.kernel, sliceCount(slices));
  return booted;
}

interface EventBench extends Bench {
  readonly personality: EventCounterPersonality;
}

/** Inside a section that began before the event that comes now. */
function interrupted(ip = START + 1): EventBench {
  const built = bench();
  const { thread, memory } = built;
  thread.area = AREA;
  thread.eventCounter = 6;
  Object.assign(thread.registers, { ip, cx: ABORT, dx: 6 });
  storeU64(memory, POST_COMMIT_IP, END);
  memory.written.length = 0;
  return { ...built, personality: new EventCounterPersonality() };
}

describe('rseq(area, flags)', () => {
  test.each<[string, readonly Call[], readonly number[]]>([
    ['flags are -EINVAL', [register(AREA, 1)], [-Errno.EINVAL]],
    ['flags are -EINVAL for a query too', [register(0, -1)], [-Errno.EINVAL]],
    ['NULL is -ENOENT where none is registered', [register(0)], [-Errno.ENOENT]],
    ['NULL is 0 where one is', [register(), register(0)], [0, 0]],
    ['the same again is 0', [register(), register()], [0, 0]],
    ['another is -EBUSY', [register(), register(0x80)], [0, -Errno.EBUSY]],
    ['another is -EBUSY though misaligned', [register(), register(0x81)], [0, -Errno.EBUSY]],
    ['aligned to 8 is 0', [register(0x48)], [0]],
    ['aligned to 4 is -EINVAL', [register(0x44)], [-Errno.EINVAL]],
    ['beyond user space is -EFAULT', [register(TASK_SIZE)], [-Errno.EFAULT]],
    ['that ends beyond user space is -EFAULT', [register(TASK_SIZE - 8)], [-Errno.EFAULT]],
    ['misaligned and beyond is -EINVAL', [register(0xffffffff)], [-Errno.EINVAL]],
    ['after a failure nothing is registered', [register(0x44), register(0)], [-22, -2]],
  ])('%s', (_what, calls, expected) => {
    expect(results(...calls)).toEqual(expected);
  });

  test('of an unmapped area returns 0, and then the process gets SIGSEGV', () => {
    const { kernel } = run('0:1x2', [syscall(...register(WILD)), ...work(2)]);

    expect(threadOf(kernel, 1).registers.ax).toBe(0);
    expect(kernel.process.death).toMatchObject({
      signal: Signal.SIGSEGV,
      message: 'event counter area 0x7fff0000 cannot be accessed',
    });
  });

  test('makes cpu and count valid before it returns', () => {
    const seen: (number | undefined)[][] = [];
    const main = [syscall(...register()), act(({ memory }) => seen.push(words(memory, AREA, 2)))];

    run('1:1x2', main);

    expect(seen).toEqual([[1, 1]]);
  });

  test('has no way back', () => {
    const { thread } = bench();
    const personality = new EventCounterPersonality();
    call(personality, thread, Sysno.RestartableSequences, AREA, 0);
    call(personality, thread, Sysno.RestartableSequences, 0, 0);

    expect(thread.area).toBe(AREA);
  });
});

describe('an event', () => {
  test('writes the cpu and the next count, then looks at the section', () => {
    const { personality, thread, memory } = interrupted();
    thread.cpu = 1;

    expect(personality.onResume(thread)).toBe('redirected');
    expect(words(memory, AREA, 4)).toEqual([1, 7, 0, 0]);
    expect(memory.written).toEqual([AREA, COUNTER, POST_COMMIT_IP, POST_COMMIT_IP + 4]);
  });

  test('counts once each time, whatever it was', () => {
    const { thread, personality } = interrupted(END);
    for (const hook of ['onResume', 'onSignal', 'onResume'] as const) personality[hook](thread);

    expect(thread.eventCounter).toBe(9);
  });

  test('counts in 32 bits', () => {
    const { thread, memory, personality } = interrupted(END);
    thread.eventCounter = 0xffffffff;

    personality.onResume(thread);

    expect(words(memory, AREA, 2)).toEqual([0, 0]);
    expect(thread.eventCounter).toBe(0);
  });

  test.each([
    ['before the first instruction', START, ABORT],
    ['at the last instruction', END - 1, ABORT],
    ['at end', END, END],
    ['behind end', END + 1, END + 1],
    ['far below: there is no start', ipOf(0), ABORT],
  ])('%s', (_where, at, ip) => {
    const { personality, thread } = interrupted(at);

    const outcome = personality.onResume(thread);

    expect(outcome).toBe(ip === at ? 'unchanged' : 'redirected');
    expect(thread.registers.ip).toBe(ip);
  });

  test('behind the end leaves the post-commit word to the thread', () => {
    const { personality, thread, memory } = interrupted(END);

    personality.onResume(thread);

    expect(words(memory, POST_COMMIT_IP, 2)).toEqual([END, 0]);
  });

  test('while the post-commit word is 0 moves no ip', () => {
    const { personality, thread, memory } = interrupted();
    storeU64(memory, POST_COMMIT_IP, 0);

    expect(personality.onResume(thread)).toBe('unchanged');
  });

  test('compares all 64 bits of the post-commit word', () => {
    const { personality, thread, memory } = interrupted(0x9000_0000);
    storeU64(memory, POST_COMMIT_IP, (1n << 32n) | 0x10n);

    expect(personality.onResume(thread)).toBe('redirected');
  });

  test('in a section that began with this very count moves no ip', () => {
    const { personality, thread, memory } = interrupted();
    thread.registers.dx = 7;

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(words(memory, POST_COMMIT_IP, 1)).toEqual([END]);
  });

  test('compares counts as unsigned words', () => {
    const { personality, thread } = interrupted();
    thread.eventCounter = 0xfffffffe;
    thread.registers.dx = -1;

    expect(personality.onResume(thread)).toBe('unchanged');
  });

  test('takes the address in cx as unsigned, and leaves the other registers', () => {
    const { personality, thread } = interrupted();
    Object.assign(thread.registers, { cx: 0x80000000 | 0, r10: 1, ax: 2 });

    personality.onResume(thread);

    expect(thread.registers).toMatchObject({ ip: 0x80000000, dx: 6, r10: 1, ax: 2 });
  });

  test('of a thread that has not begun moves no ip', () => {
    const { personality, thread, memory } = interrupted(0);

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(words(memory, POST_COMMIT_IP, 1)).toEqual([END]);
  });

  test.each([
    ['writing cpu_id', 'unwritable', AREA],
    ['writing event_counter', 'unwritable', COUNTER],
    ['reading post_commit_ip', 'unreadable', POST_COMMIT_IP],
    ['clearing post_commit_ip', 'unwritable', POST_COMMIT_IP],
  ] as const)('that faults %s is SIGSEGV at the original ip', (_what, kind, address) => {
    const { personality, thread, memory } = interrupted();
    memory[kind].add(address);

    expect(personality.onResume(thread)).toEqual({
      message: 'event counter area 0x40 cannot be accessed',
    });
    expect(thread.registers.ip).toBe(START + 1);
  });

  test('finds a thread that is not registered and does nothing', () => {
    const { personality, thread, memory } = interrupted();
    thread.area = 0;

    expect(personality.onResume(thread)).toBe('unchanged');
    expect(personality.onSignal(thread)).toBe('unchanged');
    expect(memory.written).toEqual([]);
  });
});

describe('a preempted section', () => {
  test('goes on at the address in cx', () => {
    const booted = run('0:1x11 0:2x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: ABORT, r10: 0 });
    expect(words(booted.memory, POST_COMMIT_IP, 2)).toEqual([0, 0]);
  });

  test('after its end goes on where it was', () => {
    expect(lastEntry(run('0:1x14 0:2x1 0:1x1'))).toMatchObject({ ip: END });
  });

  test('by the timer without a switch goes on', () => {
    const booted = run('0:1x11 0:1x1 0:1x1');

    expect(lastEntry(booted)).toMatchObject({ ip: START + 2 });
    expect(booted.memory.loadI32(COUNTER)).toBe(1);
  });

  test('finds the new cpu', () => {
    expect(run('0:1x11 1:1x1').memory.loadI32(AREA)).toBe(1);
  });

  test('finds nothing in memory changed before it is resumed', () => {
    const { memory } = run('0:1x11 0:2x1');

    expect(words(memory, AREA, 3)).toEqual([0, 1, END]);
  });
});

describe('a signal', () => {
  const main = participant([HANDLE]);

  test('moves the ip before the frame is built', () => {
    const { kernel } = run('0:1x11 1:2x1 0:1x1', main, KILLER);

    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({ ip: ABORT });
    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1 });
  });

  test('and a preemption at the same resume abort once, and count twice', () => {
    const { kernel, memory } = run('0:1x11 0:2x1 0:1x1', main, KILLER);

    expect(kernel.counts.restarts).toBe(1);
    expect(memory.loadI32(COUNTER)).toBe(3);
  });

  test('outside a section counts too', () => {
    const { memory } = run('0:1x15 1:2x1 0:1x1', main, KILLER);

    expect(memory.loadI32(COUNTER)).toBe(2);
  });
});

describe('clone, fork, exec and exit', () => {
  test('a thread has no area', () => {
    const { personality, thread } = interrupted();
    const child = cloneOf(personality, thread);
    Object.assign(child, { area: AREA, eventCounter: 3 });

    personality.onClone(thread, child);

    expect(child).toMatchObject({ area: 0, eventCounter: 0 });
  });

  test('a new process inherits area and count', () => {
    const { personality, thread } = interrupted();

    expect(forkOf(personality, thread)).toMatchObject({ area: AREA, eventCounter: 6 });
  });

  test('exec clears both', () => {
    const { personality, thread, process } = interrupted();
    thread.notifyResume = true;

    personality.onExec(process);

    expect(thread).toMatchObject({ area: 0, eventCounter: 0, notifyResume: false });
  });

  test('exit writes nothing', () => {
    const { personality, thread, memory } = interrupted();
    thread.notifyResume = true;

    personality.onExit(thread);

    expect(memory.written).toEqual([]);
    expect(thread.notifyResume).toBe(false);
  });
});
