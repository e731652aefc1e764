// A search that has no more room for what its states are made of.

import { afterEach, expect, test, vi } from 'vitest';
import { check } from '../../src/check/index.js';
import { NO_ROOM } from '../../src/check/limits.js';
import { SearchCore } from '../../src/check/search-core.js';
import { compileSource } from '../guests/compile.js';

/** Threads that add to a word so often that there are thousands of transitions. */
const INCREMENTS = `
import { join, spawn } from 'wasm-rseq/assembly';

const word: usize = memory.data(4);

function add(times: usize): i32 {
  for (let i: usize = 0; i < times; i++) atomic.add<i32>(word, <i32>i);
  return 0;
}

export function main(): i32 {
  const threads = [spawn(add, 5), spawn(add, 5), spawn(add, 5)];
  for (let i = 0; i < 3; i++) join(threads[i]);
  return 0;
}`;

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([[{}], [{ exact: true }], [{ liveness: true }], [{ preemptions: 20 }]])(
  'with %j stops, incomplete, and says why',
  async (options) => {
    const { wasm } = await compileSource(INCREMENTS, { metering: 'instruction' });
    vi.spyOn(SearchCore.prototype, 'isNearlyFull', 'get').mockReturnValue(true);

    const { verdict, reason } = await check(wasm as BufferSource, { cpus: 1, ...options });

    expect({ verdict, reason }).toEqual({ verdict: 'incomplete', reason: NO_ROOM });
  },
);
