// Restartable atomic sequences: rasctl with its errnos, where a thread goes on that lost the CPU, and
// what clone, fork, exec and exit make of the list.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { RAS_LIMIT, RasOp } from '../../../src/abi/ras.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { RasPersonality } from '../../../src/kernel/rseq/ras.js';
import {
  boot,
  type Booted,
  choices,
  resultsOf,
  sliceCount,
  spawn,
  stepTimes,
  threadOf,
} from '../boot.js';
import { ipOf, type Script, syscall, type Word, work } from '../scripted-machine.js';
import { ACTION, HANDLE, HANDLER, HOG, KILLER, lastEntry } from '../turner-scripts.js';
import { type Bench, bench, cloneOf, forkOf } from './hooks.js';

const START = ipOf(10);
const LENGTH = 4;
const END = START + LENGTH;

type Call = readonly [number, ...Word[]];

function rasctl(address: number, length: number, op: RasOp): Call {
  return [Sysno.Rasctl, address, length, op];
}

function install(address: number, length = LENGTH): Call {
  return rasctl(address, length, RasOp.Install);
}

function results(...calls: readonly Call[]): number[] {
  return resultsOf(calls, { personality: new RasPersonality() }).results;
}

function run(slices: string, body: Script = [], worker: Script = HOG): Booted {
  const main = [syscall(...install(START)), spawn(1), ...body, ...work(30)];
  const scripts = { 0: main, 1: worker, [HANDLER]: work(6) };
  const scheduler = choices(slices);
  const booted = boot(scripts, { cpus: 2, scheduler, personality: new RasPersonality() });
  booted.memory.storeI32(ACTION, HANDLER);
  stepTimes(booted.kernel, sliceCount(slices));
  return booted;
}

const LIMIT = Array.from({ length: RAS_LIMIT }, (_, index) => install(0x2000 + 16 * index));

describe('RAS_INSTALL', () => {
  test.each<[string, Call, number]>([
    ['of no length', install(START, 0), -Errno.EINVAL],
    ['of one byte', install(START, 1), 0],
    ['that ends at the end of user space', install(TASK_SIZE - 4, 4), 0],
    ['that ends beyond user space', install(TASK_SIZE - 4, 5), -Errno.EINVAL],
    ['beyond user space', install(TASK_SIZE, 4), -Errno.EINVAL],
    ['whose end wraps around', install(0x8000_0000, -1), -Errno.EINVAL],
    ['at address 0', install(0, 4), 0],
    ['of addresses with the top bit set', install(0x9000_0000, 4), 0],
  ])('%s', (_what, request, result) => {
    expect(results(request)).toEqual([result]);
  });

  test.each<[string, number, number, number]>([
    ['the same', START, LENGTH, -Errno.EEXIST],
    ['one that begins inside', END - 1, LENGTH, -Errno.EEXIST],
    ['one that ends inside', START - 3, 4, -Errno.EEXIST],
    ['one inside', START + 1, 2, -Errno.EEXIST],
    ['one around', START - 1, LENGTH + 2, -Errno.EEXIST],
    ['one that begins at its end', END, LENGTH, 0],
    ['one that ends at its start', START - 4, 4, 0],
  ])('of %s, where one is', (_what, address, length, result) => {
    expect(results(install(START), install(address, length))).toEqual([0, result]);
  });

  test('of the sixteenth is 0, of the seventeenth -EINVAL', () => {
    const seen = results(...LIMIT, install(0x3000));

    expect(seen).toEqual([...LIMIT.map(() => 0), -Errno.EINVAL]);
  });

  test('looks at the range before it counts', () => {
    expect(results(...LIMIT, install(START, 0)).at(-1)).toBe(-Errno.EINVAL);
  });

  test('of a seventeenth that overlaps the newest is -EEXIST, the oldest -EINVAL', () => {
    const [newest, oldest] = [0x2000 + 16 * (RAS_LIMIT - 1), 0x2000].map(
      (address) => results(...LIMIT, install(address)).at(-1) ?? 0,
    );

    expect([newest, oldest]).toEqual([-Errno.EEXIST, -Errno.EINVAL]);
  });
});

describe('RAS_PURGE', () => {
  test.each<[string, number, number, number]>([
    ['exactly', START, LENGTH, 0],
    ['by another length', START, LENGTH - 1, -Errno.ESRCH],
    ['by another address', START + 1, LENGTH, -Errno.ESRCH],
    ['by another address and the same end', START + 1, LENGTH - 1, -Errno.ESRCH],
  ])('%s', (_what, address, length, result) => {
    expect(results(install(START), rasctl(address, length, RasOp.Purge))).toEqual([0, result]);
  });

  test('makes room', () => {
    const [, address = 0] = LIMIT[3] ?? [];
    const purge = rasctl(Number(address), LENGTH, RasOp.Purge);

    expect(results(...LIMIT, purge, install(0x3000), install(0x3100)).slice(-3)).toEqual([
      0,
      0,
      -Errno.EINVAL,
    ]);
  });

  test('of one leaves the others', () => {
    const personality = new RasPersonality();
    const calls = [install(START), install(0x2000), rasctl(START, LENGTH, RasOp.Purge)];
    const { kernel } = resultsOf(calls, { personality });

    expect(kernel.process.sequences).toEqual([{ start: 0x2000, end: 0x2004 }]);
  });
});

describe('RAS_PURGE_ALL', () => {
  test('is 0 always, whatever its other arguments', () => {
    const all = rasctl(-1, 0, RasOp.PurgeAll);

    expect(results(all, install(START), all, install(START))).toEqual([0, 0, 0, 0]);
  });
});

test.each([3, -1, 100])('operation %i is -EINVAL', (op) => {
  expect(results([Sysno.Rasctl, START, LENGTH, op])).toEqual([-Errno.EINVAL]);
});

describe('a switch', () => {
  test.each([
    ['before start', START - 1, START - 1],
    ['at start, where nothing is to be done over', START, START],
    ['behind start', START + 1, START],
    ['at the last instruction', END - 1, START],
    ['at end', END, END],
  ])('%s', (_where, at, ip) => {
    const booted = run(`0:1x${at - ipOf(0)} 0:2x1 0:1x1`);

    expect(lastEntry(booted)).toMatchObject({ ip, r10: 0 });
    expect(booted.kernel.counts.restarts).toBe(ip === at ? 0 : 1);
  });

  test('leaves every other register alone', () => {
    const registers = { r10: 1, cx: 2, dx: 3, ax: 4, tp: 5, gs: 6 };
    const { thread, process } = bench();
    process.sequences = [{ start: START, end: END }];
    Object.assign(thread.registers, registers, { ip: START + 2 });

    expect(new RasPersonality().onResume(thread)).toBe('redirected');
    expect(thread.registers).toEqual({ ...registers, ip: START });
  });

  test('finds the sequence among several', () => {
    const body = [syscall(...install(START + 8)), syscall(...install(START - 2, 2))];

    expect(lastEntry(run('0:1x19 0:2x1 0:1x1', body))).toMatchObject({ ip: START + 8 });
  });

  test('finds none that was purged', () => {
    const body = [syscall(...rasctl(START, LENGTH, RasOp.Purge))];

    expect(lastEntry(run('0:1x12 0:2x1 0:1x1', body))).toMatchObject({ ip: START + 2 });
  });

  test('to another cpu counts as any other', () => {
    expect(lastEntry(run('0:1x12 1:1x1'))).toMatchObject({ ip: START });
  });

  test('by the timer without another thread is none', () => {
    expect(lastEntry(run('0:1x12 0:1x1 0:1x1'))).toMatchObject({ ip: START + 3 });
  });

  test('of a thread that takes part unasked counts', () => {
    const { thread, process } = bench();
    process.sequences = [{ start: START, end: END }];
    const child = cloneOf(new RasPersonality(), thread);
    child.registers.ip = START + 1;

    expect(new RasPersonality().onResume(child)).toBe('redirected');
  });

  test('writes nothing to user memory', () => {
    const { thread, process, memory } = bench();
    process.sequences = [{ start: START, end: END }];
    thread.registers.ip = START + 1;

    new RasPersonality().onResume(thread);

    expect(memory.accesses).toBe(0);
  });
});

describe('a signal', () => {
  test('starts the sequence over before the frame', () => {
    const { kernel } = run('0:1x12 1:2x1 0:1x1', [HANDLE], KILLER);

    expect(threadOf(kernel, 1).frames[0]?.registers.ip).toBe(START);
    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1, preemptions: 0 });
  });
});

function installed(): Bench {
  const built = bench();
  built.process.sequences = [{ start: START, end: END }];
  return built;
}

describe('clone, fork, exec and exit', () => {
  test('fork copies the list: what the child installs is its own', () => {
    const { thread, process } = installed();
    const child = forkOf(new RasPersonality(), thread);

    expect(child.process.sequences).toEqual(process.sequences);
    child.process.sequences = [];
    expect(process.sequences).toHaveLength(1);
  });

  test('exec purges', () => {
    const { process, thread } = installed();
    thread.notifyResume = true;

    new RasPersonality().onExec(process);

    expect(process.sequences).toEqual([]);
    expect(thread.notifyResume).toBe(false);
  });

  test('exit of a thread leaves the list', () => {
    const { process, thread } = installed();
    thread.notifyResume = true;

    new RasPersonality().onExit(thread);

    expect(process.sequences).toHaveLength(1);
    expect(thread.notifyResume).toBe(false);
  });
});
