// The guest library's mutex, with three threads, under every preemption and with a signal at any point.

import { expect, test } from 'vitest';
import { check } from '../../src/check/index.js';
import { compileHarness } from '../percpu/programs.js';

test('one thread holds the mutex, and every sleeper is woken', async () => {
  const { wasm } = await compileHarness('mutex', {});

  const { verdict, failure } = await check(wasm as BufferSource, { cpus: 2, signals: 1 });

  expect(failure).toBeUndefined();
  expect(verdict).toBe('proven');
});
