// What the guest library does under locks rather than in sections, with three threads, under every
// preemption and with a signal at any point.

import { expect, test } from 'vitest';
import { check } from '../../src/check/index.js';
import { compileHarness } from '../percpu/programs.js';

test.each([
  ['a mutex has one holder, and every sleeper is woken', 'mutex'],
  ['an item of a memory pool has one owner, and all are free in the end', 'mempool-threads'],
])('%s', async (_law, harness) => {
  const { wasm } = await compileHarness(harness, {});

  const { verdict, failure } = await check(wasm as BufferSource, { cpus: 2, signals: 1 });

  expect(failure).toBeUndefined();
  expect(verdict).toBe('proven');
});
