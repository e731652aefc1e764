// getrandom: results as probed on Linux 6.18, and that a seed gives the same bytes every time.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { TASK_SIZE } from '../../src/abi/module.js';
import { GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM, Sysno } from '../../src/abi/syscall.js';
import type { KernelOptions } from '../../src/kernel/kernel.js';
import { getRandom, RandomBytes } from '../../src/kernel/random-bytes.js';
import { ArrayMemory } from './array-memory.js';
import { MEMORY_BYTES, resultsOf, WILD } from './boot.js';
import type { Word } from './scripted-machine.js';

type Call = readonly [number, ...Word[]];

const BUFFER = 0x100;

const call = (buffer: number, length: number, flags = 0): Call => [
  Sysno.Getrandom,
  buffer,
  length,
  flags,
];

function bytesOf(calls: readonly Call[], options: Partial<KernelOptions> = {}): Uint8Array {
  return resultsOf(calls, options).memory.bytes;
}

describe('getrandom', () => {
  test.each([
    ['some bytes', call(BUFFER, 16), 16],
    ['an odd number of bytes', call(BUFFER + 1, 1001), 1001],
    ['no bytes', call(BUFFER, 0), 0],
    ['no bytes, unmapped', call(WILD, 0), 0],
    ['no bytes at the end of user space', call(TASK_SIZE | 0, 0), 0],
    ['no bytes beyond user space', call((TASK_SIZE | 0) + 1, 0), -Errno.EFAULT],
    ['bytes beyond user space', call(-1, 1), -Errno.EFAULT],
    ['bytes that reach beyond user space', call((TASK_SIZE | 0) - 8, 9), -Errno.EFAULT],
    ['bytes that are not mapped', call(WILD, 16), -Errno.EFAULT],
    ['bytes at the end of memory', call(MEMORY_BYTES, 1), -Errno.EFAULT],
    ['bytes of which some are mapped', call(MEMORY_BYTES - 5, 16), 5],
    ['as many as a length can say', call(MEMORY_BYTES - 1000, -1), 1000],
    ['GRND_NONBLOCK', call(BUFFER, 16, GRND_NONBLOCK), 16],
    ['GRND_RANDOM', call(BUFFER, 16, GRND_NONBLOCK | GRND_RANDOM), 16],
    ['GRND_INSECURE', call(BUFFER, 16, GRND_NONBLOCK | GRND_INSECURE), 16],
    ['two that exclude each other', call(BUFFER, 16, GRND_RANDOM | GRND_INSECURE), -Errno.EINVAL],
    ['all flags', call(BUFFER, 16, 7), -Errno.EINVAL],
    ['an unknown flag', call(BUFFER, 16, 8), -Errno.EINVAL],
    ['a flag of the top bit', call(BUFFER, 16, -(2 ** 31)), -Errno.EINVAL],
    ['a flag and no memory', call(WILD, 16, 8), -Errno.EINVAL],
  ])('for %s', (_what, each, result) => {
    expect(resultsOf([each]).results).toEqual([result]);
  });

  test('writes what it says and nothing else', () => {
    const bytes = bytesOf([call(BUFFER, 600)]);

    expect(bytes.subarray(0, BUFFER).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(BUFFER + 600).every((byte) => byte === 0)).toBe(true);
    // A zero in 256, three words of zeros never.
    expect(Buffer.from(bytes.subarray(BUFFER, BUFFER + 600)).indexOf(Buffer.alloc(12))).toBe(-1);
  });

  test.each([5, 6, 7, 257, 259])('makes every byte anew, the last of %i too', (length) => {
    const ends = [1, 2, 3, 4, 5, 6].map((seed) => {
      const bytes = bytesOf([call(BUFFER, length)], { entropySeed: seed });
      return [bytes[BUFFER + length - 1], bytes[BUFFER + ((length - 1) % 256)]];
    });

    // Not 0, and not what the block before it had in its place.
    expect(ends.some(([last]) => last !== 0)).toBe(true);
    if (length > 256) expect(ends.some(([last, before]) => last !== before)).toBe(true);
  });

  test('gives the same bytes for the same seed, others for another, 1 if there is none', () => {
    const calls = [call(BUFFER, 64)];
    const first = bytesOf(calls, { entropySeed: 1 });

    expect(bytesOf(calls)).toEqual(first);
    expect(bytesOf(calls, { entropySeed: 1 })).toEqual(first);
    expect(bytesOf(calls, { entropySeed: 2 })).not.toEqual(first);
  });

  test('gives other bytes the next time', () => {
    const bytes = bytesOf([call(BUFFER, 64), call(BUFFER + 64, 64)]);

    expect(bytes.subarray(BUFFER, BUFFER + 64)).not.toEqual(
      bytes.subarray(BUFFER + 64, BUFFER + 128),
    );
  });

  test('spreads over all values of a byte', () => {
    const memory = new ArrayMemory(65536);
    getRandom(new RandomBytes(7), memory, 0, 65536, 0);
    const counts = Array.from({ length: 256 }, () => 0);
    for (const byte of memory.bytes) counts[byte] = (counts[byte] as number) + 1;

    // 256 each on average, with a deviation of 16.
    expect(Math.min(...counts)).toBeGreaterThan(256 - 5 * 16);
    expect(Math.max(...counts)).toBeLessThan(256 + 5 * 16);
  });

  test('of a huge length allocates no more than a block at a time', () => {
    const sizes: number[] = [];
    class WatchedMemory extends ArrayMemory {
      override copyOut(address: number, bytes: Uint8Array): boolean {
        sizes.push(bytes.buffer.byteLength);
        return super.copyOut(address, bytes);
      }
    }

    const result = getRandom(new RandomBytes(1), new WatchedMemory(8000), 0, 0xffffffff, 0);

    expect(result).toBe(8000);
    expect(Math.max(...sizes)).toBe(256);
  });
});
