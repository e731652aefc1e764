// Personalities by name: every ABI, the pairs that one kernel had, and nothing else.

import { describe, expect, test } from 'vitest';
import { Abi } from '../../../src/abi/personality.js';
import { RSEQ_SIG } from '../../../src/abi/linux-rseq.js';
import { Sysno } from '../../../src/abi/syscall.js';
import {
  ABI_NAMES,
  AbiError,
  type AbiName,
  createPersonality,
} from '../../../src/kernel/rseq/personalities.js';
import { interruptedIn, START, textOf } from './linux-scripts.js';

const options = { loadText: textOf() };

describe('ABI_NAMES', () => {
  test('are in the order of the numbers of the ABIs', () => {
    const numbers = Object.values(Abi).filter((value) => typeof value === 'number');

    expect(ABI_NAMES).toHaveLength(numbers.length);
    expect(ABI_NAMES[Abi.Turner]).toBe('turner');
    expect(ABI_NAMES[Abi.Google]).toBe('google');
    expect(ABI_NAMES[Abi.EventCounter]).toBe('event-counter');
    expect(ABI_NAMES[Abi.PercpuSignal]).toBe('percpu-signal');
    expect(ABI_NAMES[Abi.Linux]).toBe('linux');
    expect(ABI_NAMES[Abi.LinuxV2]).toBe('linux-v2');
    expect(ABI_NAMES[Abi.Ras]).toBe('ras');
  });
});

describe('createPersonality', () => {
  test.each(ABI_NAMES)('of %s is a personality of that name', (name) => {
    expect(createPersonality([name], options).name).toBe(name);
  });

  test.each<[AbiName, AbiName]>([
    ['linux', 'turner'],
    ['linux', 'google'],
    ['linux-v2', 'turner'],
    ['linux-v2', 'google'],
  ])('of %s and %s is the pair, in any order', (rseq, region) => {
    expect(createPersonality([rseq, region], options).name).toBe(`${rseq}+${region}`);
    expect(createPersonality([region, rseq], options).name).toBe(`${rseq}+${region}`);
  });

  test.each<[readonly string[], string]>([
    [[], 'abi  names no ABI'],
    [
      ['freebsd'],
      'abi freebsd must be one of turner, google, event-counter, percpu-signal, linux, linux-v2, ras',
    ],
    [
      ['turner', 'google'],
      'abi turner,google cannot be: only linux or linux-v2 with turner or google can be two',
    ],
    [
      ['linux', 'linux-v2'],
      'abi linux,linux-v2 cannot be: only linux or linux-v2 with turner or google can be two',
    ],
    [
      ['linux', 'ras'],
      'abi linux,ras cannot be: only linux or linux-v2 with turner or google can be two',
    ],
    [
      ['linux', 'turner', 'google'],
      'abi linux,turner,google cannot be: only linux or linux-v2 with turner or google can be two',
    ],
    [
      ['turner', 'turner'],
      'abi turner,turner cannot be: only linux or linux-v2 with turner or google can be two',
    ],
    [
      ['linux', '__proto__'],
      'abi __proto__ must be one of turner, google, event-counter, percpu-signal, linux, linux-v2, ras',
    ],
  ])('of %j is an AbiError that says the rule', (names, message) => {
    const create = () => createPersonality(names as AbiName[], options);

    expect(create).toThrow(AbiError);
    expect(create).toThrow(message);
  });

  test.each<AbiName>(['linux', 'linux-v2'])('hands the debug option to %s', (name) => {
    const { thread } = interruptedIn('linux', { ip: START });
    thread.suspension = 'syscall';

    const outcomes = [true, false].map((debug) =>
      createPersonality([name], { ...options, debug }).onSyscallExit?.(thread),
    );

    expect(outcomes).toEqual([
      { message: expect.stringContaining('system call inside the section') },
      'unchanged',
    ]);
  });

  test('hands the code to linux: its signature is read there', () => {
    const { thread } = interruptedIn('linux');
    const asked: number[] = [];
    const loadText = (address: number) => {
      asked.push(address);
      return RSEQ_SIG;
    };

    createPersonality(['linux'], { loadText }).onResume(thread);

    expect(asked).toEqual([0x1010]);
  });

  test('hands the fuel of an extension to linux-v2', () => {
    expect(() => createPersonality(['linux-v2'], { ...options, sliceExtension: -1 })).toThrow(
      RangeError,
    );
  });

  test('gives each a state of its own: two kernels do not meet', () => {
    const [one, other] = [1, 2].map(() => createPersonality(['linux'], options));

    expect(one).not.toBe(other);
    expect(one?.syscalls.has(Sysno.Rseq)).toBe(true);
  });
});
