// The laws of gVisor's test/syscalls/linux/rseq.cc, one for each of its tests and named after it, on
// linux. Where gVisor's own kernel differs from Linux, ours does as Linux does, and the test says so.
// AbortPreCommit is two here: the original registers a wrong signature too, and cannot tell.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../../src/abi/errno.js';
import { Signal } from '../../../src/abi/signal.js';
import { type Booted, resultsOf, spawn, threadOf } from '../boot.js';
import { act, ipOf, jump, type Script, type Step, syscall, work } from '../scripted-machine.js';
import {
  ABORT,
  AREA,
  areaWords,
  ARM,
  type DescriptorFields,
  END,
  fencedBy,
  lastEntry,
  LEGACY,
  linux,
  overwritten,
  participant,
  rseq,
  runLinux,
  START,
  STORE_SECTION,
} from './linux-scripts.js';

/** Four NOP bytes, as in gVisor's tests. */
const NOPS = 0x90909090;
const UNREGISTER = 1;

function register(flags = 0, signature: number = NOPS, area: number = AREA) {
  return rseq(area, LEGACY, flags, signature);
}

function results(...calls: Parameters<typeof resultsOf>[0]): number[] {
  return resultsOf(calls, { personality: linux('linux') }).results;
}

/** A section that is a loop without end, and behind it steps that an abort leads to. */
function loop(signature: number = NOPS): Script {
  const prologue = [syscall(...register(0, signature)), spawn(1), ...work(ARM - 2), STORE_SECTION];
  return [...prologue, ...work(3), jump(10), ...work(20)];
}

function runLoop(fields: Partial<DescriptorFields> = {}, main: Script = loop()): Booted {
  const { abort = ABORT } = fields;
  return runLinux('linux', '0:1x40 0:2x1 0:1x1', {
    main,
    section: fields,
    text: { [Number(abort) - 4]: NOPS },
  });
}

describe('gVisor', () => {
  test('Unaligned: an area that is not aligned to 32 is EINVAL', () => {
    expect(results(register(0, NOPS, AREA + 1))).toEqual([-Errno.EINVAL]);
  });

  test('Register: registering succeeds', () => {
    expect(results(register())).toEqual([0]);
  });

  test('DoubleRegister: the same a second time is EBUSY', () => {
    expect(results(register(), register())).toEqual([0, -Errno.EBUSY]);
  });

  test('RegisterUnregister: register, unregister, register all succeed', () => {
    expect(results(register(), register(UNREGISTER), register())).toEqual([0, 0, 0]);
  });

  test('UnregisterDifferentPtr: another address is EINVAL', () => {
    const other = register(UNREGISTER, NOPS, AREA + 0x40);

    expect(results(register(), other)).toEqual([0, -Errno.EINVAL]);
  });

  test('UnregisterDifferentSignature: signature + 1 is EPERM', () => {
    expect(results(register(), register(UNREGISTER, NOPS + 1))).toEqual([0, -Errno.EPERM]);
  });

  test('CPU: cpu_id and cpu_id_start are 0 or more after registration', () => {
    const { kernel } = resultsOf([register()], { personality: linux('linux') });
    const { cpuId = -1, cpuIdStart = -1 } = areaWords(kernel.process.memory);

    expect(Math.min(cpuId, cpuIdStart)).toBeGreaterThanOrEqual(0);
  });

  test('Abort: a section that loops is left through an abort label behind it', () => {
    expect(lastEntry(runLoop())).toMatchObject({ ip: ABORT });
  });

  test('AbortBefore: an abort label before the section works too', () => {
    expect(lastEntry(runLoop({ abort: ipOf(5) }))).toMatchObject({ ip: ipOf(5) });
  });

  test('AbortSignature: a wrong signature in front of the abort label is SIGSEGV', () => {
    const { kernel } = runLoop({}, loop(NOPS + 1));

    expect(kernel.process.death).toMatchObject({
      signal: Signal.SIGSEGV,
      message: expect.stringContaining(
        'signature 0x90909090 before abort 0x1014 is not 0x90909091',
      ),
    });
  });

  test('AbortPreCommit: an abort label inside the section is SIGSEGV', () => {
    for (const abort of [START, END - 1]) {
      const { kernel } = runLoop({ abort });

      expect(kernel.process.death).toMatchObject({
        signal: Signal.SIGSEGV,
        message: expect.stringContaining('is inside the section'),
      });
    }
  });

  test('AbortPreCommit: the commit is the last instruction: an abort label at the end is none', () => {
    expect(lastEntry(runLoop({ abort: END }))).toMatchObject({ ip: END });
  });

  test('AbortClearsCS: rseq_cs is 0 after an abort', () => {
    expect(areaWords(runLoop().memory).section).toBe(0n);
  });

  test('InvalidAbortClearsCS: rseq_cs becomes 0 by itself while the ip stays outside', () => {
    const stay: Step[] = [STORE_SECTION, jump(3)];
    const main = [syscall(...register()), spawn(1), ...stay, ...work(20)];
    const setup = { main, text: { [ABORT - 4]: NOPS } };

    expect(areaWords(runLinux('linux', '0:1x9', setup).memory).section).toBe(0x400n);
    expect(areaWords(runLinux('linux', '0:1x9 0:2x1 0:1x1', setup).memory).section).toBe(0n);
  });

  test('MembarrierResetsCpuIdStart: a fence from another thread makes cpu_id_start valid', () => {
    const spoil = act(({ memory }) => memory.storeI32(AREA, -1));
    const main = participant([spoil]);

    const booted = runLinux('linux', '0:1x5 1:2x1 | 0:1x1', { main, ...fencedBy(2) });

    expect(areaWords(booted.memory).cpuIdStart).toBe(0);
  });
});

describe('where gVisor differs from Linux, linux does as Linux does', () => {
  test('another signature at registration is EPERM; gVisor: EINVAL', () => {
    expect(results(register(), register(0, NOPS + 1))).toEqual([0, -Errno.EPERM]);
  });

  test('an area longer than 32 bytes is accepted; gVisor: EINVAL', () => {
    expect(results(rseq(AREA, 256))).toEqual([0]);
  });

  test('flags inside a section kill; gVisor ignores them', () => {
    expect(runLoop({ flags: 1 }).kernel.process.death?.signal).toBe(Signal.SIGSEGV);
  });

  test('a section that kills does so before the ids are written; gVisor: the ids first', () => {
    const setup = { main: loop(), section: { version: 1 }, ...overwritten(AREA, 77) };
    const { memory, kernel } = runLinux('linux', '0:1x40 | 0:2x1 0:1x1', setup);

    expect(kernel.process.death).toBeDefined();
    expect(areaWords(memory).cpuIdStart).toBe(77);
  });

  test('a thread of the process is not registered, in both', () => {
    expect(threadOf(runLoop().kernel, 2).registration).toBeUndefined();
  });
});
