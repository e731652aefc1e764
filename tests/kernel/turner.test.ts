// The ABI of the RFC: its two operations with their errnos in order, and what clone, fork, exec and exit
// make of them. What happens at events is in turner-events.test.ts.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { TASK_SIZE } from '../../src/abi/module.js';
import { RseqOp } from '../../src/abi/rseq.js';
import { Signal } from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { TurnerPersonality } from '../../src/kernel/rseq/turner.js';
import {
  boot,
  choices,
  MEMORY_BYTES,
  resultsOf,
  spawn,
  stepTimes,
  threadOf,
  tracked,
  WILD,
} from './boot.js';
import { act, type Entry, ipOf, jump, ret, type Step, syscall, work } from './scripted-machine.js';
import {
  WORD,
  OTHER_WORD,
  type Call,
  critical,
  pointer,
  START,
  END,
  RESTART,
  participant,
  runSlices,
  lastEntry,
  newThread,
  newProcess,
} from './turner-scripts.js';

function results(...calls: readonly Call[]): number[] {
  return resultsOf(calls).results;
}

/** What the calls of a second thread return, after the leader has made its own. */
function workerResults(leader: readonly Call[], worker: readonly Call[]): number[] {
  const seen: number[] = [];
  const main = [...leader.map((call) => syscall(...call)), spawn(1), syscall(Sysno.Join, 2)];
  boot({ 0: main, 1: worker.flatMap((call) => tracked(seen, ...call)) }).kernel.run();
  return seen;
}

const FINE = critical(ipOf(0x10), ipOf(0x20), ipOf(0x30));

describe('SET_CRITICAL', () => {
  test('returns 0 and stores the region', () => {
    const { results: seen, kernel } = resultsOf([FINE]);

    expect(seen).toEqual([0]);
    expect(kernel.process.region).toEqual({ start: 0x1010, end: 0x1020, restart: 0x1030 });
  });

  test.each([
    ['start > end', 0x1020, 0x1010, 0x1030, -Errno.EINVAL],
    ['start = end', 0x1010, 0x1010, 0x1030, -Errno.EINVAL],
    ['a region of one byte', 0x1010, 0x1011, 0x1030, 0],
    ['start = 0', 0, 0x1011, 0x1030, 0],
    ['end = TASK_SIZE', 0x1010, TASK_SIZE, 0x1000, 0],
    ['end > TASK_SIZE', 0x1010, TASK_SIZE + 1, 0x1000, -Errno.EINVAL],
    ['addresses with the top bit set', 0x80000000, 0x90000000, 0xa0000000, 0],
    ['start above end, both with the top bit set', 0x90000000, 0x80000000, 0, -Errno.EINVAL],
    ['the last user byte as restart', 0x1010, 0x1020, TASK_SIZE - 1, 0],
    ['the first byte behind as restart', 0x1010, 0x1020, TASK_SIZE, -Errno.EINVAL],
    ['restart before the region', 0x1010, 0x1020, 0x100f, 0],
    ['restart = start', 0x1010, 0x1020, 0x1010, 0],
    ['restart inside', 0x1010, 0x1020, 0x1018, 0],
    ['restart = end', 0x1010, 0x1020, 0x1020, 0],
  ])('with %s', (_what, start, end, restart, result) => {
    expect(results(critical(start, end, restart))).toEqual([result]);
  });

  test('is -EBUSY when the leader has a cpu pointer', () => {
    expect(results(pointer(WORD), FINE)).toEqual([0, -Errno.EBUSY]);
  });

  test('is -EBUSY from another thread when the leader has a cpu pointer', () => {
    expect(workerResults([pointer(WORD)], [FINE])).toEqual([-Errno.EBUSY]);
  });

  test('checks the range before the leader’s cpu pointer', () => {
    const empty = critical(0x1010, 0x1010, 0x1030);
    const kernelSpace = critical(0x1010, 0x1020, TASK_SIZE);

    expect(results(pointer(WORD), empty, kernelSpace)).toEqual([0, -Errno.EINVAL, -Errno.EINVAL]);
  });

  test('is -EBUSY a second time, the same region or not', () => {
    const other = critical(ipOf(0x20), ipOf(0x28), ipOf(0x30));

    expect(results(FINE, FINE, other)).toEqual([0, -Errno.EBUSY, -Errno.EBUSY]);
  });

  test('checks the range before it looks for a first region', () => {
    expect(results(FINE, critical(1, 1, 1))).toEqual([0, -Errno.EINVAL]);
  });

  test('leaves the region alone when it fails', () => {
    const { kernel } = resultsOf([FINE, critical(0, 8, 0), critical(9, 9, 9)]);

    expect(kernel.process.region).toEqual({ start: 0x1010, end: 0x1020, restart: 0x1030 });
  });

  test('is open to any thread, for the whole process', () => {
    expect(workerResults([], [FINE])).toEqual([0]);
  });

  test('is possible again once the leader has given its cpu pointer up', () => {
    expect(results(pointer(WORD), pointer(0), FINE)).toEqual([0, 0, 0]);
  });
});

describe('SET_CPU_POINTER', () => {
  test.each([
    ['an aligned address', WORD, 0],
    ['a misaligned address', WORD + 1, 0],
    ['the last four bytes of user space', TASK_SIZE - 4, 0],
    ['an address whose word ends beyond user space', TASK_SIZE - 3, -Errno.EINVAL],
    ['an address beyond user space', TASK_SIZE, -Errno.EINVAL],
    ['the highest address', 0xffffffff, -Errno.EINVAL],
    ['NULL', 0, 0],
  ])('of %s', (_what, address, result) => {
    const seen: number[] = [];
    const read = act(({ registers }) => seen.push(registers.ax));
    // The result is in ax; an unmapped word kills before the next instruction.
    const { kernel } = boot({ 0: [syscall(...pointer(address)), read] });

    stepTimes(kernel, 1);

    expect(threadOf(kernel, 1).registers.ax).toBe(result);
  });

  test('makes the word hold the cpu number before the call returns', () => {
    const words: (number | undefined)[] = [];
    const main = [syscall(...pointer(WORD)), act(({ memory }) => words.push(memory.loadI32(WORD)))];
    const { kernel, memory } = boot({ 0: main }, { cpus: 4, scheduler: choices('3:1x2') });
    memory.storeI32(WORD, -1);

    kernel.step();

    expect(words).toEqual([3]);
  });

  test('writes a misaligned word whole', () => {
    const main = [syscall(...pointer(WORD + 3)), ...work(1)];
    const { kernel, memory } = boot({ 0: main }, { cpus: 4, scheduler: choices('2:1x2') });
    memory.bytes.fill(0xff);

    kernel.step();

    expect([...memory.bytes.subarray(WORD + 2, WORD + 8)]).toEqual([0xff, 2, 0, 0, 0, 0xff]);
  });

  test('to an unmapped user address returns 0, and then the process gets SIGSEGV', () => {
    const { kernel } = boot({ 0: [syscall(...pointer(WILD)), ...work(1)] });

    const outcome = kernel.run();

    expect(outcome).toMatchObject({ reason: 'killed', exitStatus: 128 + Signal.SIGSEGV });
    expect(outcome.death?.message).toBe('cpu pointer 0x7fff0000 cannot be written');
    expect(threadOf(kernel, 1).registers.ax).toBe(0);
  });

  test('to a word that ends beyond the memory writes no part of it', () => {
    const { kernel, memory } = boot({ 0: [syscall(...pointer(MEMORY_BYTES - 2)), ...work(1)] });
    memory.bytes.fill(0xff);

    expect(kernel.run().reason).toBe('killed');
    expect(memory.bytes.every((byte) => byte === 0xff)).toBe(true);
  });

  test('of the same pointer returns 0 and does nothing', () => {
    const main = [
      syscall(...pointer(WORD)),
      act(({ memory }) => memory.storeI32(WORD, 77)),
      syscall(...pointer(WORD)),
      act(({ result, memory }) => seen.push(result, memory.loadI32(WORD))),
    ];
    const seen: (number | undefined)[] = [];
    const { kernel } = boot({ 0: main });

    kernel.run();

    expect(seen).toEqual([0, 77]);
  });

  test('from another thread is -EINVAL while the leader has none', () => {
    expect(workerResults([], [pointer(WORD)])).toEqual([-Errno.EINVAL]);
  });

  test('from another thread is 0 once the leader has one', () => {
    expect(workerResults([pointer(WORD)], [pointer(OTHER_WORD)])).toEqual([0]);
  });

  test('of NULL from another thread is 0 even while the leader has none', () => {
    expect(workerResults([], [pointer(0)])).toEqual([0]);
  });

  test('compares with the present pointer before it asks for the leader’s', () => {
    const seen: number[] = [];
    const main = [
      syscall(...pointer(WORD)),
      spawn(1),
      ...work(7),
      syscall(...pointer(0)),
      jump(10),
    ];
    const worker = [
      ...tracked(seen, ...pointer(OTHER_WORD)),
      ...tracked(seen, ...pointer(OTHER_WORD)),
      ...tracked(seen, ...pointer(WORD)),
    ];
    const scheduler = choices('0:1x4 0:2x2 0:1x9 0:2x4');
    const { kernel } = boot({ 0: main, 1: worker }, { scheduler });

    stepTimes(kernel, 4);

    expect(seen).toEqual([0, 0, -Errno.EINVAL]);
  });

  test('works without a region: the word is kept, no ip is moved', () => {
    const { kernel, memory } = boot(
      { 0: [syscall(...pointer(WORD)), ...work(8)] },
      { cpus: 2, scheduler: choices('0:1x3 1:1x3') },
    );

    stepTimes(kernel, 2);

    expect(memory.loadI32(WORD)).toBe(1);
    expect(kernel.counts.restarts).toBe(0);
  });

  test('a new pointer replaces the old one, whose word is left as it was', () => {
    const main = [syscall(...pointer(WORD)), syscall(...pointer(OTHER_WORD)), ...work(8)];
    const scheduler = choices('0:1x4 1:1x2');
    const { kernel, memory } = boot({ 0: main }, { cpus: 2, scheduler });
    memory.storeI32(OTHER_WORD, -1);

    stepTimes(kernel, 2);

    expect([memory.loadI32(WORD), memory.loadI32(OTHER_WORD)]).toEqual([0, 1]);
  });

  test('NULL disables: the word is left as it was', () => {
    const main = [syscall(...pointer(WORD)), syscall(...pointer(0)), ...work(8)];
    const { kernel, memory } = boot({ 0: main }, { cpus: 2, scheduler: choices('0:1x4 1:1x2') });

    stepTimes(kernel, 2);

    expect(memory.loadI32(WORD)).toBe(0);
  });
});

describe('restartable_sequences', () => {
  test.each([2, 3, -1, 0x7fffffff])('of operation %i is -EINVAL', (op) => {
    expect(results([Sysno.RestartableSequences, op, 0, 1, 2, 3])).toEqual([-Errno.EINVAL]);
  });

  test.each([1, -1, 0x40])('ignores flags %i', (flags) => {
    const region: Call = [Sysno.RestartableSequences, RseqOp.SetCritical, flags, 1, 2, 3];
    const word: Call = [Sysno.RestartableSequences, RseqOp.SetCpuPointer, flags, WORD];

    expect(results(region, word)).toEqual([0, 0]);
  });
});

// --- clone, fork, exec, exit ----------------------------------------------------------------------

describe('clone', () => {
  const start = ipOf(4, 1);
  const restart = ipOf(10, 1);

  function workerInSection(before: Step): Entry {
    const main = [
      syscall(...critical(start, start + 4, restart)),
      syscall(...pointer(WORD)),
      spawn(1),
      jump(3),
    ];
    const worker = [before, ...work(20)];
    return lastEntry(runSlices(main, '0:1x6 1:2x5 0:2x1', worker));
  }

  test('shares the region: a thread with a cpu pointer is restarted in it', () => {
    const entry = workerInSection(syscall(...pointer(OTHER_WORD)));

    expect(entry).toMatchObject({ ip: restart, r10: start + 1 });
  });

  test('does not pass the cpu pointer on: a thread without one of its own takes no part', () => {
    const entry = workerInSection(syscall(Sysno.Gettid));

    expect(entry).toMatchObject({ ip: start + 1, r10: 0 });
  });

  test('leaves the cpu pointer of the parent alone', () => {
    const { kernel } = runSlices(participant([]), '0:1x6');

    expect([1, 2].map((tid) => threadOf(kernel, tid).cpuPointer)).toEqual([WORD, 0]);
  });
});

describe('fork', () => {
  test('passes the region on, and not the cpu pointer', () => {
    const [parent, child] = [newThread(newProcess(), 1), newThread(newProcess(), 1)];
    parent.process.region = { start: START, end: END, restart: RESTART };
    parent.cpuPointer = WORD;
    child.cpuPointer = WORD;

    new TurnerPersonality().onFork(parent, child);

    expect(child.process.region).toEqual(parent.process.region);
    expect([parent.cpuPointer, child.cpuPointer]).toEqual([WORD, 0]);
  });
});

describe('exec', () => {
  test('clears the region, every cpu pointer and the work they asked for', () => {
    const process = newProcess();
    const threads = [newThread(process, 1), newThread(process, 2)];
    process.region = { start: START, end: END, restart: RESTART };
    for (const thread of threads) Object.assign(thread, { cpuPointer: WORD, notifyResume: true });

    new TurnerPersonality().onExec(process);

    expect(process.region).toBeUndefined();
    expect(threads.map((thread) => [thread.cpuPointer, thread.notifyResume])).toEqual([
      [0, false],
      [0, false],
    ]);
  });
});

describe('exit', () => {
  test('of the leader leaves region and cpu pointers to its threads', () => {
    const seen: number[] = [];
    const main = [
      syscall(...critical(START, END, RESTART)),
      syscall(...pointer(WORD)),
      spawn(1),
      syscall(Sysno.Exit, 0),
    ];
    const worker = [...tracked(seen, ...pointer(OTHER_WORD)), ...tracked(seen, ...FINE)];

    const { kernel, memory } = boot({ 0: main, 1: worker });
    memory.storeI32(OTHER_WORD, -1);
    kernel.run();

    expect(seen).toEqual([0, -Errno.EBUSY]);
    expect(memory.loadI32(OTHER_WORD)).toBe(0);
  });

  test('writes nothing to the word', () => {
    const main = [
      syscall(...pointer(WORD)),
      act(({ memory }) => memory.storeI32(WORD, 77)),
      ret(0),
    ];
    const { kernel, memory } = boot({ 0: main });

    kernel.run();

    expect(memory.loadI32(WORD)).toBe(77);
  });
});
