// The RFC's ABI by the rules of Google's kernel, as gVisor has them: one test for each that differs
// from turner's, and one for each that must not.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { GooglePersonality } from '../../../src/kernel/rseq/turner.js';
import { boot, choices, resultsOf, sliceCount, spawn, stepTimes, threadOf, WILD } from '../boot.js';
import { act, type Script, syscall, work } from '../scripted-machine.js';
import {
  ACTION,
  type Call,
  critical,
  END,
  HANDLE,
  HANDLER,
  HOG,
  KILLER,
  lastEntry,
  OTHER_WORD,
  pointer,
  RESTART,
  START,
  WORD,
} from '../turner-scripts.js';
import { bench, call, cloneOf, forkOf } from './hooks.js';

const FINE = critical(START, END, RESTART);

function results(...calls: readonly Call[]): number[] {
  return resultsOf(calls, { personality: new GooglePersonality() }).results;
}

function run(main: Script, slices: string, worker: Script = HOG) {
  const personality = new GooglePersonality();
  const scheduler = choices(slices);
  const booted = boot(
    { 0: main, 1: worker, [HANDLER]: work(4) },
    { cpus: 2, scheduler, personality },
  );
  booted.memory.storeI32(ACTION, HANDLER);
  stepTimes(booted.kernel, sliceCount(slices));
  return booted;
}

describe('SET_CRITICAL', () => {
  test.each<[string, Call, number]>([
    ['start > end', critical(END, START, RESTART), -Errno.EINVAL],
    ['start = end', critical(START, START, RESTART), -Errno.EINVAL],
    ['restart at start', critical(START, END, START), -Errno.EINVAL],
    ['restart inside', critical(START, END, START + 1), -Errno.EINVAL],
    ['restart at the last instruction', critical(START, END, END - 1), -Errno.EINVAL],
    ['restart at end', critical(START, END, END), 0],
    ['restart below start', critical(START, END, START - 1), 0],
    ['a region of one byte', critical(START, START + 1, RESTART), 0],
    ['a region beyond user space', critical(START, 0xffffffff, 0xffffffff), 0],
    ['start at TASK_SIZE', critical(TASK_SIZE, TASK_SIZE + 1, RESTART), 0],
    ['start 0', critical(0, END, RESTART), 0],
    ['start 0, end 0', critical(0, 0, 0), 0],
    ['start 0 and restart inside', critical(0, END, START), 0],
  ])('with %s', (_what, request, result) => {
    expect(results(request)).toEqual([result]);
  });

  test('of start 0 disables: the region is gone', () => {
    const personality = new GooglePersonality();
    const { kernel } = resultsOf([FINE, critical(0, END, RESTART)], { personality });

    expect(kernel.process.region).toBeUndefined();
  });

  test('replaces a region: the last one wins', () => {
    const personality = new GooglePersonality();
    const { results: seen, kernel } = resultsOf([FINE, critical(8, 9, 10)], { personality });

    expect(seen).toEqual([0, 0]);
    expect(kernel.process.region).toEqual({ start: 8, end: 9, restart: 10 });
  });

  test('is possible while the leader has a cpu pointer', () => {
    expect(results(pointer(WORD), FINE)).toEqual([0, 0]);
  });

  test('leaves the region alone when it fails', () => {
    const personality = new GooglePersonality();
    const { kernel } = resultsOf([FINE, critical(9, 9, 9)], { personality });

    expect(kernel.process.region).toEqual({ start: START, end: END, restart: RESTART });
  });
});

describe('SET_CPU_POINTER', () => {
  test('writes the word at once', () => {
    const { thread, memory } = bench();
    thread.cpu = 3;

    expect(call(new GooglePersonality(), thread, ...(pointer(WORD).map(Number) as [number]))).toBe(
      0,
    );
    expect(memory.loadI32(WORD)).toBe(3);
  });

  test('of a word that cannot be written is -EINVAL, and the thread has no pointer then', () => {
    const { thread } = bench();
    thread.cpuPointer = WORD;

    expect(call(new GooglePersonality(), thread, Sysno.RestartableSequences, 1, 0, WILD)).toBe(
      -Errno.EINVAL,
    );
    expect(thread.cpuPointer).toBe(0);
  });

  test.each([
    ['the highest address', 0xffffffff, -Errno.EINVAL],
    ['a misaligned address', WORD + 1, 0],
    ['NULL', 0, 0],
  ])('of %s', (_what, address, result) => {
    expect(results(pointer(address))).toEqual([result]);
  });

  test('of the same pointer writes again', () => {
    const seen: (number | undefined)[] = [];
    const main = [
      syscall(...pointer(WORD)),
      act(({ memory }) => memory.storeI32(WORD, 77)),
      syscall(...pointer(WORD)),
      act(({ memory }) => seen.push(memory.loadI32(WORD))),
    ];

    run(main, '0:1x5');

    expect(seen).toEqual([0]);
  });

  test('of another thread does not depend on the leader', () => {
    const seen: number[] = [];
    const worker = [syscall(...pointer(OTHER_WORD)), act(({ result }) => seen.push(result))];

    run([spawn(1), ...work(9)], '0:1x1 0:2x3', worker);

    expect(seen).toEqual([0]);
  });

  test('of NULL leaves the word as it was', () => {
    const { memory } = run(
      [syscall(...pointer(WORD)), syscall(...pointer(0)), ...work(8)],
      '0:1x4 1:1x2',
    );

    expect(memory.loadI32(WORD)).toBe(0);
  });
});

test('another operation is -EINVAL', () => {
  expect(results([Sysno.RestartableSequences, 2, 0, 0, 0, 0])).toEqual([-Errno.EINVAL]);
});

describe('a preempted thread', () => {
  const withPointer = [syscall(...FINE), syscall(...pointer(WORD)), spawn(1), ...work(30)];
  const without = [syscall(...FINE), ...work(1), spawn(1), ...work(30)];

  test.each([
    ['before start', START - 1, START - 1, 0],
    ['at start', START, RESTART, START],
    ['at the last instruction', END - 1, RESTART, END - 1],
    ['at end', END, END, 0],
  ])('%s', (_where, at, ip, r10) => {
    const slices = `0:1x${at - 0x1000} 0:2x1 0:1x1`;

    expect(lastEntry(run(withPointer, slices))).toMatchObject({ ip, r10 });
  });

  test('without a cpu pointer is restarted all the same', () => {
    expect(lastEntry(run(without, '0:1x11 0:2x1 0:1x1'))).toMatchObject({
      ip: RESTART,
      r10: START + 1,
    });
  });

  test('without a cpu pointer has nothing written', () => {
    expect(run(without, '0:1x11 0:2x1 1:1x1').memory.bytes.subarray(0, WORD)).toEqual(
      new Uint8Array(WORD),
    );
  });

  test('without a cpu pointer is restarted by a signal too', () => {
    const main = [syscall(...FINE), HANDLE, spawn(1), ...work(30)];
    const { kernel } = run(main, '0:1x11 1:2x1 0:1x1', KILLER);

    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({ ip: RESTART, r10: START + 1 });
  });

  test('finds its cpu in its word', () => {
    expect(run(withPointer, '0:1x5 1:1x1').memory.loadI32(WORD)).toBe(1);
  });

  test('whose word is gone dies, and its ip was moved first', () => {
    const { thread, process } = bench();
    process.region = { start: START, end: END, restart: RESTART };
    thread.cpuPointer = WILD;
    thread.registers.ip = START;

    expect(new GooglePersonality().onResume(thread)).toEqual({
      message: 'cpu pointer 0x7fff0000 cannot be written',
    });
    expect(thread.registers).toMatchObject({ ip: RESTART, r10: START });
  });
});

describe('clone', () => {
  test('shares the region and not the cpu pointer', () => {
    const { thread, process } = bench();
    process.region = { start: START, end: END, restart: RESTART };
    thread.cpuPointer = WORD;
    const child = cloneOf(new GooglePersonality(), thread);
    child.registers.ip = START;

    expect(child.cpuPointer).toBe(0);
    expect(new GooglePersonality().onResume(child)).toBe('redirected');
  });
});

describe('fork', () => {
  test('inherits nothing', () => {
    const { thread, process } = bench();
    process.region = { start: START, end: END, restart: RESTART };
    thread.cpuPointer = WORD;
    const child = forkOf(new GooglePersonality(), thread);

    expect(child.cpuPointer).toBe(0);
    expect(child.process.region).toBeUndefined();
    expect(process.region).toBeDefined();
  });
});

describe('exec', () => {
  test('clears region and cpu pointers', () => {
    const { thread, process } = bench();
    process.region = { start: START, end: END, restart: RESTART };
    thread.cpuPointer = WORD;

    new GooglePersonality().onExec(process);

    expect([process.region, thread.cpuPointer]).toEqual([undefined, 0]);
  });
});
