// The system call table: what each call returns. Wild pointers are in pointers.test.ts, wild everything
// in fuzz.test.ts; calls with a file of their own in src/kernel have a test of their own.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { Signal } from '../../src/abi/signal.js';
import {
  ARCH_GET_FS,
  ARCH_SET_FS,
  CLONE_THREAD_FLAGS,
  PATH_MAX,
  SysconfName,
  Sysno,
} from '../../src/abi/syscall.js';
import { SYSCALLS } from '../../src/kernel/syscall.js';
import { ArrayMemory } from './array-memory.js';
import { boot, resultsOf, spawn, threadOf, tracked, WILD } from './boot.js';
import { act, jump, ret, syscall, type Word } from './scripted-machine.js';

const BUFFER = 0x100;

type Call = readonly [number, ...Word[]];

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

describe('an unknown call', () => {
  test.each([4, 57, 334, 0x0fff, 0x1006, -1, 0x7fffffff])('number %i is -ENOSYS', (sysno) => {
    expect(resultsOf([[sysno]]).results).toEqual([-Errno.ENOSYS]);
  });
});

describe('read', () => {
  test('gives what is there, then 0 at the end', () => {
    const read: Call = [Sysno.Read, 0, BUFFER, 4];
    const { results, memory } = resultsOf([read, read, read], { stdin: bytesOf('abcdef') });

    expect(results).toEqual([4, 2, 0]);
    expect(textOf(memory.bytes.subarray(BUFFER, BUFFER + 4))).toBe('efcd');
  });

  test('that faults loses no input', () => {
    const calls: Call[] = [
      [Sysno.Read, 0, WILD, 4],
      [Sysno.Read, 0, BUFFER, 4],
    ];
    const { results, memory } = resultsOf(calls, { stdin: bytesOf('abcd') });

    expect(results).toEqual([-Errno.EFAULT, 4]);
    expect(textOf(memory.bytes.subarray(BUFFER, BUFFER + 4))).toBe('abcd');
  });

  test('of more than fits takes no more than there is', () => {
    const { results } = resultsOf([[Sysno.Read, 0, BUFFER, -1]], { stdin: bytesOf('abc') });

    expect(results).toEqual([3]);
  });

  test('asks for no more than linux gives at once', () => {
    const asked: number[] = [];
    const { kernel } = boot({ 0: [] });
    kernel.files.peek = (_fd, length) => {
      asked.push(length);
      return new Uint8Array();
    };

    SYSCALLS.get(Sysno.Read)?.(threadOf(kernel, 1), Int32Array.of(0, BUFFER, -1), kernel);

    expect(asked).toEqual([0x7ffff000]);
  });

  test.each([1, 2, 3, -1])('from fd %i is -EBADF', (fd) => {
    expect(resultsOf([[Sysno.Read, fd, BUFFER, 1]]).results).toEqual([-Errno.EBADF]);
  });
});

describe('open', () => {
  const FILES = [{ path: bytesOf('data/words'), bytes: bytesOf('abcdef') }];
  const PATH = 64;

  /** The path, and a zero, are at PATH. */
  function resultsFor(path: string, calls: readonly Call[]) {
    const results: number[] = [];
    const steps = calls.flatMap(([sysno, ...args]) => tracked(results, sysno, ...args));
    const { kernel, memory } = boot({ 0: steps }, { files: FILES });
    memory.bytes.set(bytesOf(`${path}\0`), PATH);
    kernel.run();
    return { results, memory };
  }

  test('gives a descriptor of its own, which is read from its beginning', () => {
    const { results, memory } = resultsFor('data/words', [
      [Sysno.Open, PATH, 0],
      [Sysno.Open, PATH, 0],
      [Sysno.Read, 3, BUFFER, 4],
      [Sysno.Read, 4, BUFFER + 4, 2],
      [Sysno.Read, 3, BUFFER + 6, 4],
      [Sysno.Read, 3, BUFFER, 4],
    ]);

    expect(results).toEqual([3, 4, 4, 2, 2, 0]);
    expect(textOf(memory.bytes.subarray(BUFFER, BUFFER + 8))).toBe('abcdabef');
  });

  test('gives the lowest that is free', () => {
    const { results } = resultsFor('data/words', [
      [Sysno.Open, PATH, 0],
      [Sysno.Open, PATH, 0],
      [Sysno.Close, 3],
      [Sysno.Close, 3],
      [Sysno.Open, PATH, 0],
    ]);

    expect(results).toEqual([3, 4, 0, -Errno.EBADF, 3]);
  });

  test('of what the host has not given is -ENOENT, for writing -EROFS', () => {
    expect(resultsFor('data/word', [[Sysno.Open, PATH, 0]]).results).toEqual([-Errno.ENOENT]);
    expect(resultsFor('data/words', [[Sysno.Open, PATH, 1]]).results).toEqual([-Errno.EROFS]);
  });

  test('of a path that is not there is -EFAULT, of one without end -ENAMETOOLONG', () => {
    expect(resultsFor('', [[Sysno.Open, WILD, 0]]).results).toEqual([-Errno.EFAULT]);
    const path = 'x'.repeat(PATH_MAX - PATH - 1);
    expect(resultsFor(path, [[Sysno.Open, PATH, 0]]).results).toEqual([-Errno.ENOENT]);
    const { kernel, memory } = boot({ 0: [] });
    memory.bytes.fill(1);
    const open = SYSCALLS.get(Sysno.Open);
    expect(open?.(threadOf(kernel, 1), Int32Array.of(0, 0), kernel)).toBe(-Errno.ENAMETOOLONG);
  });
});

describe('write', () => {
  test('hands out a copy of the bytes with the descriptor', () => {
    const output: [number, string][] = [];
    const main = [
      act(({ memory }) => memory.copyOut(BUFFER, bytesOf('hello'))),
      syscall(Sysno.Write, 1, BUFFER, 5),
      syscall(Sysno.Write, 2, BUFFER + 1, 2),
    ];
    const onOutput = (fd: number, bytes: Uint8Array): unknown => output.push([fd, textOf(bytes)]);

    boot({ 0: main }, { onOutput }).kernel.run();

    expect(output).toEqual([
      [1, 'hello'],
      [2, 'el'],
    ]);
  });

  test('of nothing returns 0', () => {
    expect(resultsOf([[Sysno.Write, 1, BUFFER, 0]]).results).toEqual([0]);
  });

  test('of much hands it out in pieces, in order', () => {
    const memory = new ArrayMemory(200_000);
    memory.bytes.forEach((_byte, at, bytes) => (bytes[at] = at % 251));
    const pieces: Uint8Array[] = [];
    const onOutput = (_fd: number, bytes: Uint8Array): unknown => pieces.push(bytes);

    const { results } = resultsOf([[Sysno.Write, 1, 100, 150_000]], { memory, onOutput });

    expect(results).toEqual([150_000]);
    expect(Math.max(...pieces.map(({ length }) => length))).toBe(65536);
    expect(Buffer.concat(pieces).equals(memory.bytes.subarray(100, 150_100))).toBe(true);
  });

  test('of half the address space is cut as in Linux, and says so by a positive number', () => {
    class HugeMemory extends ArrayMemory {
      readonly page = new Uint8Array(65536);

      override get sizeBytes(): number {
        return 2 ** 32 - 2 ** 20;
      }

      override copyIn(_address: number, length: number): Uint8Array {
        if (length > this.page.length) throw new Error(`${length} bytes at once`);
        return this.page.subarray(0, length);
      }
    }
    let written = 0;
    const onOutput = (_fd: number, bytes: Uint8Array): unknown => (written += bytes.length);
    const memory = new HugeMemory(0);

    const { results } = resultsOf([[Sysno.Write, 1, 0, 0xfff00000 | 0]], {
      memory,
      onOutput,
      fuelLimit: 1e9,
    });

    expect([results, written]).toEqual([[0x7ffff000], 0x7ffff000]);
  });

  test.each([BUFFER, 0])('of more than the memory from %i is -EFAULT', (address) => {
    expect(resultsOf([[Sysno.Write, 1, address, -1]]).results).toEqual([-Errno.EFAULT]);
  });

  test.each([0, 3, -1])('to fd %i is -EBADF', (fd) => {
    expect(resultsOf([[Sysno.Write, fd, BUFFER, 1]]).results).toEqual([-Errno.EBADF]);
  });
});

describe('clone', () => {
  test.each([
    ['other flags', [Sysno.Clone, 0, 1, 0, 0]],
    ['fork’s flags', [Sysno.Clone, 17, 1, 0, 0]],
    ['no function', [Sysno.Clone, CLONE_THREAD_FLAGS, 0, 0, 0]],
  ] as const)('with %s is -EINVAL', (_what, call) => {
    expect(resultsOf([call]).results).toEqual([-Errno.EINVAL]);
  });

  test('returns tids in order, and the function gets its argument', () => {
    const tids: number[] = [];
    const main = [
      spawn(1, 7),
      act((guest) => tids.push(guest.result)),
      spawn(1, -8),
      act((guest) => tids.push(guest.result)),
      syscall(Sysno.Join, 2),
      act((guest) => tids.push(guest.result)),
      syscall(Sysno.Join, 3),
      act((guest) => tids.push(guest.result)),
    ];

    boot({ 0: main, 1: [ret((guest) => guest.argument)] }).kernel.run();

    expect(tids).toEqual([2, 3, 7, -8]);
  });

  test('at the thread limit is -EAGAIN, and possible again when a thread has ended', () => {
    const seen: number[] = [];
    const note = act((guest) => seen.push(guest.result));
    const main = [spawn(1), note, spawn(1), note, syscall(Sysno.Join, 2), spawn(1), note, ret(0)];

    boot({ 0: main, 1: [] }, { threadLimit: 2 }).kernel.run();

    expect(seen).toEqual([2, -Errno.EAGAIN, 3]);
  });

  test('sets the thread pointer of the child and leaves the parent’s', () => {
    const main = [syscall(Sysno.ArchPrctl, ARCH_SET_FS, 0x111), spawn(1, 0, 0x222), jump(2)];
    const { kernel } = boot({ 0: main, 1: [jump(0)] }, { fuelLimit: 500 });

    kernel.run();

    expect([1, 2].map((tid) => threadOf(kernel, tid).registers.tp)).toEqual([0x111, 0x222]);
  });
});

describe('arch_prctl', () => {
  test('gives back the thread pointer it has set', () => {
    const calls: Call[] = [
      [Sysno.ArchPrctl, ARCH_SET_FS, 0x1234],
      [Sysno.ArchPrctl, ARCH_GET_FS, BUFFER],
    ];
    const { results, memory } = resultsOf(calls);

    expect(results).toEqual([0, 0]);
    expect(memory.loadI32(BUFFER)).toBe(0x1234);
  });

  test('the guest sees the thread pointer in its register', () => {
    const seen: number[] = [];
    const main = [
      syscall(Sysno.ArchPrctl, ARCH_SET_FS, 0x1234),
      act(({ registers }) => seen.push(registers.tp)),
    ];

    boot({ 0: main }).kernel.run();

    expect(seen).toEqual([0x1234]);
  });

  test('with another code is -EINVAL', () => {
    expect(resultsOf([[Sysno.ArchPrctl, 0x1001, BUFFER]]).results).toEqual([-Errno.EINVAL]);
  });
});

describe('sysconf', () => {
  test.each([
    ['NrCpus', SysconfName.NrCpus, 3],
    ['Threads', SysconfName.Threads, 5],
    ['Arguments', SysconfName.Arguments, 2],
    ['an unknown name', 99, -Errno.EINVAL],
  ])('of %s', (_what, name, result) => {
    const options = { cpus: 3, boot: { threads: 5, args: [bytesOf('a'), bytesOf('b')] } };

    expect(resultsOf([[Sysno.Sysconf, name]], options).results).toEqual([result]);
  });
});

describe('argument', () => {
  const options = { boot: { threads: 1, args: [bytesOf('first'), bytesOf('')] } };

  test('copies it and returns its length', () => {
    const { results, memory } = resultsOf([[Sysno.Argument, 0, BUFFER, 16]], options);

    expect(results).toEqual([5]);
    expect(textOf(memory.bytes.subarray(BUFFER, BUFFER + 6))).toBe('first\0');
  });

  test('copies no more than fits and still returns the length', () => {
    const { results, memory } = resultsOf([[Sysno.Argument, 0, BUFFER, 2]], options);

    expect(results).toEqual([5]);
    expect(textOf(memory.bytes.subarray(BUFFER, BUFFER + 3))).toBe('fi\0');
  });

  test.each([2, 100, -1])('number %i is -ENOENT', (index) => {
    expect(resultsOf([[Sysno.Argument, index, BUFFER, 9]], options).results).toEqual([
      -Errno.ENOENT,
    ]);
  });
});

function utf16(text: string): Uint8Array {
  return new Uint8Array(Uint16Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
}

describe('abort', () => {
  test('kills with SIGABRT, the message and the place', () => {
    const [message, file] = [utf16('a ≠ b'), utf16('lib.ts')];
    const main = [
      act(({ memory }) => memory.copyOut(BUFFER, message)),
      act(({ memory }) => memory.copyOut(0x200, file)),
      syscall(Sysno.Abort, BUFFER, message.length, 0x200, file.length, 12, 3),
    ];

    const outcome = boot({ 0: main }).kernel.run();

    expect(outcome.death).toMatchObject({
      signal: Signal.SIGABRT,
      message: 'a ≠ b',
      place: 'lib.ts:12',
    });
  });

  test('keeps no more of a message than one can read', () => {
    const memory = new ArrayMemory(2 ** 20);
    memory.bytes.fill(0x61);

    const call = syscall(Sysno.Abort, 0, 2 ** 20, 0, 0, 1, 1);
    const outcome = boot({ 0: [call] }, { memory }).kernel.run();

    expect(outcome.death?.message).toBe('\u6161'.repeat(4096));
  });

  test.each([
    ['null pointers', 0, 0],
    ['wild pointers', WILD, 8],
    ['lengths beyond the memory', BUFFER, -1],
  ])('with %s still says that an assertion failed', (_what, address, length) => {
    const call = syscall(Sysno.Abort, address, length, address, length, 1, 1);

    const outcome = boot({ 0: [call] }).kernel.run();

    expect(outcome.death).toMatchObject({ message: 'assertion failed', place: undefined });
  });
});

describe('getpid and gettid', () => {
  test('are the leader’s number and the caller’s own', () => {
    const seen: number[] = [];
    const ask = [Sysno.Getpid, Sysno.Gettid].flatMap((sysno) => [
      syscall(sysno),
      act((guest) => seen.push(guest.result)),
    ]);

    boot({ 0: [spawn(1), syscall(Sysno.Join, 2), ...ask], 1: ask }).kernel.run();

    expect(seen).toEqual([1, 2, 1, 1]);
  });
});
