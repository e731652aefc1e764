// rseq(): its checks, in order, for the kernel of 6.18 and that of 7.0, and what each writes.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { RSEQ_SIG } from '../../../src/abi/linux-rseq.js';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { boot, choices, MEMORY_BYTES, resultsOf, stepTimes, threadOf, WILD } from '../boot.js';
import { act, syscall, type Word, work } from '../scripted-machine.js';
import { type Bench, bench, call } from './hooks.js';
import {
  AREA,
  areaWords,
  idsOf,
  linux,
  type LinuxName,
  LEGACY,
  OPTIMIZED,
  rseq,
  setSection,
} from './linux-scripts.js';

const BOTH: readonly LinuxName[] = ['linux', 'linux-v2'];
const UNREGISTER = 1;
const OTHER_SIG = RSEQ_SIG + 1;

type Call = readonly [number, ...Word[]];

function results(name: LinuxName, ...calls: readonly Call[]): number[] {
  return resultsOf(calls, { personality: linux(name) }).results;
}

/** The result of one call; nothing runs after it. */
function resultOf(name: LinuxName, request: Call): number {
  const { kernel } = boot({ 0: [syscall(...request)] }, { personality: linux(name) });
  stepTimes(kernel, 1);
  return threadOf(kernel, 1).registers.ax;
}

describe.each(BOTH)('registration with %s', (name) => {
  test('returns 0, and the ids are valid when it returns', () => {
    const seen: (number | undefined)[][] = [];
    const main = [syscall(...rseq()), act(({ memory }) => seen.push(idsOf(memory)))];
    const options = { cpus: 4, scheduler: choices('3:1x2'), personality: linux(name) };
    const { kernel, memory } = boot({ 0: main }, options);
    memory.bytes.fill(0xff, AREA, AREA + LEGACY);
    setSection(memory, 0);

    kernel.step();

    expect(seen).toEqual([[3, 3, 0, 0]]);
    expect(threadOf(kernel, 1).registration).toEqual({
      area: AREA,
      length: LEGACY,
      signature: RSEQ_SIG,
    });
  });

  test.each([4, 8, 0x80, -2])('with flag bits %i is -EINVAL', (flags) => {
    expect(results(name, rseq(AREA, LEGACY, flags))).toEqual([-Errno.EINVAL]);
  });

  test.each([
    ['another area', rseq(AREA + 0x40), -Errno.EINVAL],
    ['another length', rseq(AREA, OPTIMIZED), -Errno.EINVAL],
    ['another signature', rseq(AREA, LEGACY, 0, OTHER_SIG), -Errno.EPERM],
    ['the same', rseq(), -Errno.EBUSY],
    ['another area and signature', rseq(AREA + 0x40, LEGACY, 0, OTHER_SIG), -Errno.EINVAL],
    ['an area that is misaligned', rseq(AREA + 1), -Errno.EINVAL],
    ['NULL', rseq(0), -Errno.EINVAL],
    ['flags and another signature', rseq(AREA, LEGACY, 4, OTHER_SIG), -Errno.EINVAL],
  ])('of %s, where one is registered', (_what, second, result) => {
    expect(results(name, rseq(), second)).toEqual([0, result]);
  });

  test.each([
    ['31 bytes', AREA, 31, -Errno.EINVAL],
    ['no bytes', AREA, 0, -Errno.EINVAL],
    ['32 bytes, aligned to 16', AREA + 16, LEGACY, -Errno.EINVAL],
    ['32 bytes, misaligned by 1', AREA + 1, LEGACY, -Errno.EINVAL],
    ['32 bytes, aligned to 32', AREA + 32, LEGACY, 0],
    ['33 bytes', AREA, 33, 0],
    ['256 bytes', AREA, 256, 0],
    ['64 bytes, aligned to 16', AREA + 16, OPTIMIZED, -Errno.EINVAL],
    ['64 bytes, aligned to 32', AREA + 32, OPTIMIZED, name === 'linux' ? 0 : -Errno.EINVAL],
    ['NULL and no length, by which libraries probe', 0, 0, -Errno.EINVAL],
    ['NULL', 0, LEGACY, -Errno.EFAULT],
    ['the last 32 bytes of user space, unmapped', TASK_SIZE - LEGACY, LEGACY, -Errno.EFAULT],
    ['an area that ends beyond user space', TASK_SIZE - 64, 65, -Errno.EFAULT],
    ['an area beyond user space', TASK_SIZE, LEGACY, -Errno.EFAULT],
    ['an area whose end wraps around', 0xffffffe0, LEGACY, -Errno.EFAULT],
    ['an area and a length of 4 GiB', AREA, -1, -Errno.EFAULT],
    ['an unmapped area', WILD, LEGACY, -Errno.EFAULT],
    ['an area behind the memory', MEMORY_BYTES, LEGACY, -Errno.EFAULT],
  ])('of %s', (_what, area, length, result) => {
    expect(resultOf(name, rseq(area, length))).toBe(result);
  });

  test('compares with what is registered before it looks at length and alignment', () => {
    expect(results(name, rseq(), rseq(AREA, 31), rseq(0, 0))).toEqual([
      0,
      -Errno.EINVAL,
      -Errno.EINVAL,
    ]);
    expect(results(name, rseq(), rseq(AREA, LEGACY, 0, 0))).toEqual([0, -Errno.EPERM]);
  });

  test('clears rseq_cs', () => {
    const { thread, memory } = bench();
    setSection(memory, 0x1234_5678_9abcn);

    expect(call(linux(name), thread, ...rseq())).toBe(0);
    expect(areaWords(memory).section).toBe(0n);
  });

  test('leaves a thread alone when it fails', () => {
    const { thread } = bench();

    call(linux(name), thread, ...rseq(WILD));

    expect(thread).toMatchObject({ registration: undefined, notifyResume: false });
  });

  test('compares signatures as unsigned words', () => {
    const calls = [rseq(AREA, LEGACY, 0, -1), rseq(AREA, LEGACY, 0, 0xffffffff)];

    expect(results(name, ...calls)).toEqual([0, -Errno.EBUSY]);
  });
});

describe('registration with linux', () => {
  test('reads rseq_cs, and does not write one that is clear', () => {
    const { thread, memory } = bench();

    call(linux('linux'), thread, ...rseq());

    expect(memory.written).toEqual([]);
  });

  test('is -EFAULT when a set rseq_cs cannot be cleared', () => {
    const { thread, memory } = bench();
    setSection(memory, 0x1000);
    memory.unwritable.add(AREA + 8);

    expect(call(linux('linux'), thread, ...rseq())).toBe(-Errno.EFAULT);
  });

  test('of an area that cannot be written returns 0, and then the process gets SIGSEGV', () => {
    const { thread, memory } = bench();
    const personality = linux('linux');
    memory.unwritable.add(AREA);

    expect(call(personality, thread, ...rseq())).toBe(0);
    expect(thread.notifyResume).toBe(true);
    expect(personality.onResume(thread)).toEqual({ message: 'rseq area 0x40: cannot be written' });
  });

  test.each([1, 2, 3])('with the bits %i of 7.0 is -EINVAL', (flags) => {
    expect(results('linux', rseq(AREA, OPTIMIZED, flags))).toEqual([-Errno.EINVAL]);
  });
});

/** An area full of ones that has been registered. */
function registered(length: number, flags = 0): Bench {
  const built = bench();
  built.memory.bytes.fill(0xff, AREA, AREA + 64);
  expect(call(linux('linux-v2'), built.thread, ...rseq(AREA, length, flags))).toBe(0);
  return built;
}

describe('registration with linux-v2', () => {
  test('writes the initial words itself, without reading', () => {
    const { memory } = registered(LEGACY);

    expect(areaWords(memory)).toEqual({
      cpuIdStart: -1,
      cpuId: -1,
      section: 0n,
      flags: 0,
      nodeId: 0,
      mmCid: 0,
      sliceControl: -1,
    });
  });

  test('of more than 32 bytes writes slice_ctrl too, and that extensions are available', () => {
    const { memory } = registered(OPTIMIZED);

    expect(areaWords(memory)).toMatchObject({ flags: 0x10, sliceControl: 0 });
    expect(memory.loadI32(AREA + 32)).toBe(-1);
  });

  test.each([0, 4, 8, 12, 16, 20, 24])(
    'is -EFAULT when the word at %i cannot be written',
    (offset) => {
      const { thread, memory } = bench();
      memory.unwritable.add(AREA + offset);

      expect(call(linux('linux-v2'), thread, ...rseq())).toBe(-Errno.EFAULT);
      expect(thread.registration).toBeUndefined();
    },
  );

  test('is -EFAULT when slice_ctrl cannot be written, but not for 32 bytes', () => {
    const { thread, memory } = bench();
    memory.unwritable.add(AREA + 28);
    const personality = linux('linux-v2');

    expect(call(personality, thread, ...rseq(AREA, OPTIMIZED))).toBe(-Errno.EFAULT);
    expect(call(personality, thread, ...rseq(AREA, LEGACY))).toBe(0);
  });

  test('accepts the flag that turns extensions on, for 32 bytes too, where it does nothing', () => {
    expect(areaWords(registered(OPTIMIZED, 2).memory).flags).toBe(0x30);
    expect(areaWords(registered(LEGACY, 2).memory).flags).toBe(0);
  });
});

describe.each(BOTH)('unregistration with %s', (name) => {
  test('of the same area, length and signature returns 0 and resets the ids', () => {
    const main = [syscall(...rseq()), syscall(...rseq(AREA, LEGACY, UNREGISTER)), ...work(1)];
    const options = { cpus: 2, scheduler: choices('1:1x3'), personality: linux(name) };
    const { kernel, memory } = boot({ 0: main }, options);

    kernel.step();

    expect(threadOf(kernel, 1)).toMatchObject({ registration: undefined, registers: { ax: 0 } });
    expect(idsOf(memory)).toEqual([0, -1, 0, 0]);
  });

  test('leaves rseq_cs and flags', () => {
    const { thread, memory } = bench();
    const personality = linux(name);
    call(personality, thread, ...rseq());
    setSection(memory, 0x400);
    memory.storeI32(AREA + 16, 7);

    call(personality, thread, ...rseq(AREA, LEGACY, UNREGISTER));

    expect(areaWords(memory)).toMatchObject({ section: 0x400n, flags: 7 });
  });

  test('makes registering possible again', () => {
    const calls = [rseq(), rseq(AREA, LEGACY, UNREGISTER), rseq(AREA, LEGACY, 0, OTHER_SIG)];

    expect(results(name, ...calls)).toEqual([0, 0, 0]);
  });

  test('of nothing is -EINVAL, a second time too', () => {
    const off = rseq(AREA, LEGACY, UNREGISTER);

    expect(results(name, off)).toEqual([-Errno.EINVAL]);
    expect(results(name, rseq(), off, off)).toEqual([0, 0, -Errno.EINVAL]);
  });

  test.each([
    ['with another flag', rseq(AREA, LEGACY, UNREGISTER | 2), -Errno.EINVAL],
    ['with the sign bit', rseq(AREA, LEGACY, UNREGISTER | -0x80000000), -Errno.EINVAL],
    ['of another area', rseq(AREA + 32, LEGACY, UNREGISTER), -Errno.EINVAL],
    ['of NULL', rseq(0, LEGACY, UNREGISTER), -Errno.EINVAL],
    ['of another length', rseq(AREA, 33, UNREGISTER), -Errno.EINVAL],
    ['with another signature', rseq(AREA, LEGACY, UNREGISTER, OTHER_SIG), -Errno.EPERM],
    ['of another area and signature', rseq(0, LEGACY, UNREGISTER, OTHER_SIG), -Errno.EINVAL],
    ['of another length and signature', rseq(AREA, 33, UNREGISTER, OTHER_SIG), -Errno.EINVAL],
    ['with another flag and signature', rseq(AREA, LEGACY, 3, OTHER_SIG), -Errno.EINVAL],
  ])('%s fails, and the area stays registered', (_what, off, result) => {
    expect(results(name, rseq(), off, rseq())).toEqual([0, result, -Errno.EBUSY]);
  });

  test('looks at flags first, where nothing is registered too', () => {
    expect(results(name, rseq(AREA, LEGACY, 3, OTHER_SIG))).toEqual([-Errno.EINVAL]);
  });

  test('is -EFAULT when the ids cannot be reset, and the area stays registered', () => {
    const { thread, memory } = bench();
    const personality = linux(name);
    call(personality, thread, ...rseq());
    memory.unwritable.add(AREA + 4);

    expect(call(personality, thread, ...rseq(AREA, LEGACY, UNREGISTER))).toBe(-Errno.EFAULT);
    expect(thread.registration).toBeDefined();
  });
});

describe('unregistration with linux-v2', () => {
  test('that cannot reset the ids is SIGSEGV', () => {
    const { thread, memory } = bench();
    const personality = linux('linux-v2');
    call(personality, thread, ...rseq());
    thread.notifyResume = false;
    memory.unwritable.add(AREA + 4);

    call(personality, thread, ...rseq(AREA, LEGACY, UNREGISTER));

    expect(thread.notifyResume).toBe(true);
    expect(personality.onResume(thread)).toEqual({ message: 'rseq area 0x40: cannot be written' });
  });
});

describe.each(BOTH)('after unregistration with %s', (name) => {
  test('the area is not touched any more, and no section is aborted', () => {
    const main = [
      syscall(...rseq()),
      syscall(...rseq(AREA, LEGACY, UNREGISTER)),
      act(({ memory }) => setSection(memory, 0xbad)),
      ...work(20),
    ];
    const options = { cpus: 2, scheduler: choices('0:1x5 1:1x1'), personality: linux(name) };
    const { kernel, memory } = boot({ 0: main }, options);

    stepTimes(kernel, 2);

    expect(idsOf(memory)).toEqual([0, -1, 0, 0]);
    expect(kernel.process.death).toBeUndefined();
    expect(kernel.counts.restarts).toBe(0);
  });
});

describe('a system call of another ABI', () => {
  test.each(BOTH)('does not exist with %s', (name) => {
    const calls: Call[] = [
      [Sysno.RestartableSequences, 0],
      [Sysno.Rasctl, 0, 0, 2],
    ];

    expect(results(name, ...calls)).toEqual([-Errno.ENOSYS, -Errno.ENOSYS]);
  });

  test('prctl and rseq_slice_yield do not exist with linux', () => {
    expect(results('linux', [Sysno.Prctl, 79, 1], [Sysno.RseqSliceYield])).toEqual([
      -Errno.ENOSYS,
      -Errno.ENOSYS,
    ]);
  });
});

test('an area that is gone at resume is SIGSEGV for the process', () => {
  const { kernel } = boot(
    { 0: [syscall(...rseq(MEMORY_BYTES - 32)), ...work(40)] },
    { personality: linux('linux'), cpus: 2, scheduler: choices('0:1x5 1:1x1') },
  );
  stepTimes(kernel, 1);
  const { memory } = kernel.process;
  memory.storeI32 = () => false;

  stepTimes(kernel, 1);

  expect(kernel.process).toMatchObject({
    exitStatus: 128 + Signal.SIGSEGV,
    death: { signal: Signal.SIGSEGV, message: 'rseq area 0xfe0: cannot be written', tid: 1 },
  });
});
