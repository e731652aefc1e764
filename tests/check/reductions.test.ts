// What no reduction may leave out: with each of them on, a program fails that fails without.

import { describe, expect, test } from 'vitest';
import type { AbiName } from '../../src/abi/code-map.js';
import { check, type CheckOptions } from '../../src/check/index.js';
import { compileSource } from '../guests/compile.js';

const PROGRAMS: Readonly<Record<string, readonly [CheckOptions, string]>> = {
  'a section is sent back by steps that nobody else can notice': [
    { cpus: 1 },
    `
    import { join, rseq, spawn } from 'wasm-rseq/assembly';
    const COUNT: usize = memory.data(4, 64);
    const SLOT: usize = memory.data(4, 64);
    const MINE: usize = memory.data(64, 64);
    function worker(_: usize): i32 {
      if (rseq.restart()) store<i32>(COUNT, load<i32>(COUNT) + 1);
      rseq.start();
      store<i32>(SLOT, load<i32>(SLOT) + 1);
      rseq.end();
      return 0;
    }
    export function main(): i32 {
      rseq.register();
      const tid = spawn(worker, 0);
      store<i32>(MINE, 1);
      store<i32>(MINE, 2, 4);
      store<i32>(MINE, 3, 8);
      store<i32>(MINE, 4, 12);
      store<i32>(MINE, 5, 16);
      store<i32>(MINE, 6, 20);
      if (load<i32>(COUNT) >= 5) return 1;
      join(tid);
      return 0;
    }`,
  ],
  'a thread goes on into a section that would send it back a step later': [
    { cpus: 1 },
    `
    import { join, rseq, spawn } from 'wasm-rseq/assembly';
    const PLACE: usize = memory.data(4, 64);
    const OLD: usize = memory.data(4, 64);
    const NEW: usize = memory.data(4, 64);
    const MINE: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      const place = load<usize>(PLACE);
      store<i32>(MINE, 1);
      if (rseq.restart()) return 0;
      rseq.start();
      store<i32>(place, load<i32>(place) + 1);
      rseq.end();
      return 0;
    }
    export function main(): i32 {
      rseq.register();
      store<usize>(PLACE, OLD);
      const tid = spawn(worker, 0);
      store<usize>(PLACE, NEW);
      const before = load<i32>(OLD);
      join(tid);
      return load<i32>(OLD) == before ? 0 : 1;
    }`,
  ],
  'the only thread is moved between two readings of the CPU': [
    { cpus: 2 },
    `
    import { rseq } from 'wasm-rseq/assembly';
    const MINE: usize = memory.data(64, 64);
    export function main(): i32 {
      rseq.register();
      store<i32>(MINE, rseq.cpuId());
      store<i32>(MINE, rseq.cpuId(), 4);
      store<i32>(MINE, 1, 8);
      if (load<i32>(MINE) != load<i32>(MINE, 4)) return 1;
      store<i32>(MINE, 1, 8);
      store<i32>(MINE, 1, 12);
      return 0;
    }`,
  ],
  'the only thread is interrupted by its handler between two readings of a word': [
    { cpus: 1, signals: 1 },
    `
    import { rseq, signal } from 'wasm-rseq/assembly';
    const COUNT: usize = memory.data(8, 8);
    const MINE: usize = memory.data(16, 8);
    function onSignal(_signo: i32): void {
      store<i32>(COUNT, 1);
    }
    export function main(): i32 {
      rseq.register();
      assert(signal(10, onSignal) == 0);
      store<i32>(MINE, load<i32>(COUNT));
      store<i32>(MINE, load<i32>(COUNT), 4);
      if (load<i32>(MINE) != load<i32>(MINE, 4)) return 1;
      store<i32>(MINE, 5, 8);
      store<i32>(MINE, 5, 12);
      return 0;
    }`,
  ],
  'a thread is moved between two readings of the base of the CPU': [
    { cpus: 2, reductions: { switches: false } },
    `
    import { join, rseq, spawn } from 'wasm-rseq/assembly';
    const AREA: usize = memory.data(128, 64);
    const MINE: usize = memory.data(64, 64);
    const OTHER: usize = memory.data(64, 64);
    function worker(_: usize): i32 {
      store<i32>(OTHER, 1);
      return 0;
    }
    export function main(): i32 {
      rseq.register();
      rseq.setPercpuArea(AREA, 64);
      const tid = spawn(worker, 0);
      store<i32>(MINE, <i32>rseq.percpuBase());
      store<i32>(MINE, 3, 8);
      store<i32>(MINE, <i32>rseq.percpuBase(), 4);
      store<i32>(MINE, 4, 12);
      if (load<i32>(MINE) != load<i32>(MINE, 4)) return 1;
      store<i32>(MINE, 4, 12);
      store<i32>(MINE, 5, 12);
      join(tid);
      return 0;
    }`,
  ],
  'a thread is asked for between what it did last and its end': [
    { cpus: 1 },
    `
    import { join, spawn } from 'wasm-rseq/assembly';
    import { schedGetaffinity } from 'wasm-rseq/assembly/sys';
    const DONE: usize = memory.data(4, 64);
    const MASK: usize = memory.data(64, 64);
    function worker(turns: usize): i32 {
      for (let i: usize = 0; i < turns; i++) store<i32>(DONE, 1);
      return 0;
    }
    export function main(): i32 {
      const tid = spawn(worker, 1);
      if (load<i32>(DONE) == 1 && schedGetaffinity(tid, 64, MASK) > 0) return 1;
      join(tid);
      return 0;
    }`,
  ],
  'a thread is alone once another has ended, which had something left to do': [
    { cpus: 1 },
    `
    import { join, spawn } from 'wasm-rseq/assembly';
    const DONE: usize = memory.data(4, 64);
    const MINE: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<i32>(DONE, 1);
      store<i32>(MINE, 1);
      return 0;
    }
    export function main(): i32 {
      const tid = spawn(worker, 0);
      if (load<i32>(DONE) == 1 && load<i32>(MINE) == 0) return 1;
      join(tid);
      return 0;
    }`,
  ],
  'a thread is started by one that another has woken': [
    { cpus: 1 },
    `
    import { futexWait, futexWake, join, spawn } from 'wasm-rseq/assembly';
    const FUTEX: usize = memory.data(4, 64);
    const WORD: usize = memory.data(4, 64);
    function child(_: usize): i32 {
      return load<i32>(WORD) == 0 ? 1 : 0;
    }
    function worker(_: usize): i32 {
      futexWait(FUTEX, 0, 0);
      return join(spawn(child, 0));
    }
    export function main(): i32 {
      const tid = spawn(worker, 0);
      while (futexWake(FUTEX, 1) == 0) {}
      store<i32>(WORD, 1);
      return join(tid);
    }`,
  ],
  'the kernel stores for a thread right before its end': [
    { cpus: 1 },
    `
    import { join, spawn } from 'wasm-rseq/assembly';
    import { getcpu } from 'wasm-rseq/assembly/sys';
    const FLAG: usize = memory.data(4, 64);
    const CPU: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<i32>(FLAG, 1);
      getcpu(CPU, 0);
      return 0;
    }
    export function main(): i32 {
      store<i32>(CPU, 9);
      const tid = spawn(worker, 0);
      while (load<i32>(FLAG) == 0) {}
      const found = load<i32>(CPU);
      join(tid);
      return found == 9 ? 1 : 0;
    }`,
  ],
  'a thread is moved between two calls that say where it is': [
    { cpus: 2 },
    `
    import { getcpu } from 'wasm-rseq/assembly/sys';
    const FOUND: usize = memory.data(32, 64);
    export function main(): i32 {
      getcpu(FOUND, 0);
      getcpu(FOUND + 4, 0);
      store<i32>(FOUND, 7, 16);
      return load<i32>(FOUND) == load<i32>(FOUND, 4) ? 0 : 1;
    }`,
  ],
  'a thread comes back from a handler, and another comes in between': [
    { cpus: 1 },
    `
    import { join, kill, signal, spawn } from 'wasm-rseq/assembly';
    const WORD: usize = memory.data(4, 64);
    const MINE: usize = memory.data(4, 64);
    function first(_signo: i32): void {
      store<i32>(MINE, 1);
    }
    function second(_signo: i32): void {
      store<i32>(WORD, 1);
    }
    function worker(_: usize): i32 {
      kill(1, 12);
      return 0;
    }
    export function main(): i32 {
      signal(10, first);
      signal(12, second);
      const tid = spawn(worker, 0);
      kill(1, 10);
      const before = load<i32>(WORD);
      store<i32>(MINE, 1);
      const after = load<i32>(WORD);
      store<i32>(MINE, 2);
      join(tid);
      return before == after ? 0 : 1;
    }`,
  ],
  'a thread is told of another area between two readings of its base': [
    { cpus: 1 },
    `
    import { join, rseq, spawn } from 'wasm-rseq/assembly';
    const AREA: usize = memory.data(128, 64);
    const MINE: usize = memory.data(64, 64);
    function worker(_: usize): i32 {
      store<i32>(MINE, <i32>rseq.percpuBase());
      store<i32>(MINE, 1, 8);
      store<i32>(MINE, <i32>rseq.percpuBase(), 4);
      store<i32>(MINE, 2, 8);
      return load<i32>(MINE) == load<i32>(MINE, 4) ? 0 : 1;
    }
    export function main(): i32 {
      rseq.register();
      const tid = spawn(worker, 0);
      rseq.setPercpuArea(AREA, 64);
      return join(tid);
    }`,
  ],
  'memory grows between two looks at its size': [
    { cpus: 1 },
    `
    import { join, spawn } from 'wasm-rseq/assembly';
    const MINE: usize = memory.data(64, 64);
    function worker(_: usize): i32 {
      const before = memory.size();
      store<i32>(MINE, 1);
      store<i32>(MINE, 2, 8);
      const after = memory.size();
      store<i32>(MINE, 2);
      return before == after ? 0 : 1;
    }
    export function main(): i32 {
      const tid = spawn(worker, 0);
      memory.grow(1);
      return join(tid);
    }`,
  ],
  'the last thread to end is the one that stored first': [
    { cpus: 1 },
    `
    import { exit, spawn } from 'wasm-rseq/assembly';
    const FIRST: usize = memory.data(4, 64);
    function worker(turns: usize): i32 {
      let found = 0;
      for (let i: usize = 0; i < turns; i++) found = atomic.xchg<i32>(FIRST, 1);
      return found == 0 ? 1 : 0;
    }
    export function main(): i32 {
      spawn(worker, 1);
      exit(worker(1));
      return 0;
    }`,
  ],
  'a thread that must not lose its CPU does a few steps that nobody else can notice': [
    { cpus: 1, abi: 'linux' },
    `
    import { rseq } from 'wasm-rseq/assembly';
    import { threadPointer } from 'wasm-rseq/assembly/tcb';
    const DESCRIPTOR: usize = memory.data(64, 64);
    const MINE: usize = memory.data(4, 64);
    export function main(): i32 {
      rseq.register();
      store<i32>(DESCRIPTOR, 77);
      store<i32>(threadPointer() + 8, <i32>DESCRIPTOR);
      store<i32>(MINE, 1);
      store<i32>(threadPointer() + 8, 0);
      store<i32>(MINE, 2);
      store<i32>(MINE, 3);
      return 0;
    }`,
  ],
  'a thread stores behind a system call what another looks at': [
    { cpus: 1 },
    `
    import { join, spawn } from 'wasm-rseq/assembly';
    const BOX: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      return load<i32>(BOX);
    }
    export function main(): i32 {
      const tid = spawn(worker, 0);
      store<i32>(BOX, 1);
      store<i32>(BOX, 0);
      return join(tid);
    }`,
  ],
};

describe.each(Object.entries(PROGRAMS))('%s', (_title, [options, source]) => {
  test.each([
    ['reductions on', options.reductions ?? {}],
    ['reductions off', { local: false, switches: false, restarts: false, symmetry: false }],
  ])('is found with %s', async (_which, reductions) => {
    const abi = (options.abi ?? 'turner') as AbiName;
    const { wasm } = await compileSource(source, { metering: 'instruction', abi });

    const { verdict } = await check(wasm as BufferSource, { ...options, reductions });

    expect(verdict).toBe('violated');
  });
});

test('what a thread reads behind a system call depends on what came of it', async () => {
  const source = `
    import { join, rseq, spawn } from 'wasm-rseq/assembly';
    function worker(_: usize): i32 {
      return 0;
    }
    export function main(): i32 {
      const tid = spawn(worker, 0);
      rseq.register();
      join(tid);
      return 0;
    }`;
  const { wasm } = await compileSource(source, { metering: 'instruction' });

  for (const symmetry of [true, false]) {
    const result = await check(wasm as BufferSource, { cpus: 1, reductions: { symmetry } });
    expect(result.verdict).toBe('proven');
  }
});

test('a handler that looks where it came from finds its thread everywhere', async () => {
  const source = `
    import { signal } from 'wasm-rseq/assembly';
    import { FrameRegister, signalContext } from 'wasm-rseq/assembly/sys';
    const PLACE: usize = memory.data(4, 64);
    const MINE: usize = memory.data(16, 64);
    function onSignal(_signo: i32): void {
      store<i32>(PLACE, signalContext(0, FrameRegister.Ip));
    }
    export function main(): i32 {
      signal(10, onSignal);
      store<i32>(MINE, 1);
      store<i32>(MINE, 2, 4);
      store<i32>(MINE, 3, 8);
      return 0;
    }`;
  const { wasm } = await compileSource(source, { metering: 'instruction' });

  const reduced = await check(wasm as BufferSource, { cpus: 1, signals: 1 });
  const reductions = { local: false, switches: false, restarts: false, symmetry: false };
  const full = await check(wasm as BufferSource, { cpus: 1, signals: 1, reductions });

  expect(reduced.finalStates).toEqual(full.finalStates);
});
