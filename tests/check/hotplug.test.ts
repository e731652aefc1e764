// CPUs that go offline and come back while threads are checked.

import { expect, test } from 'vitest';
import { check } from '../../src/check/index.js';
import { compileSource } from '../guests/compile.js';

const HOTPLUG = `
import { joinAll, rseq, setCpuOnline, spawn } from 'wasm-rseq/assembly';

const count: usize = memory.data(4, 64);

export function main(): i32 {
  rseq.register();
  spawn((_: usize) => {
    if (rseq.restart()) {}
    rseq.start();
    store<i32>(count, load<i32>(count) + 1);
    rseq.end();
    return 0;
  }, 0);
  spawn((_: usize) => {
    setCpuOnline(1, false);
    setCpuOnline(1, true);
    return 0;
  }, 0);
  joinAll();
  return load<i32>(count) - 1;
}`;

test.each([true, false])(
  'a thread in a section loses its CPU for good: merged %s',
  async (restarts) => {
    const { wasm } = await compileSource(HOTPLUG, { metering: 'instruction' });

    const { verdict } = await check(wasm as BufferSource, { cpus: 2, reductions: { restarts } });

    expect(verdict).toBe('proven');
  },
);
