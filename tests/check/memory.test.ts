// Memory that a checked program grows.

import { expect, test } from 'vitest';
import { check } from '../../src/check/index.js';
import { compileSource } from '../guests/compile.js';

const GROWS = `
import { rseq } from 'wasm-rseq/assembly';

const word: usize = memory.data(4);

export function main(): i32 {
  rseq.register();
  store<i32>(word, 1);
  const fresh = <usize>memory.grow(8) << 16;
  for (let at: usize = 0x20000; at < 0x20040; at += 4) {
    if (load<i32>(fresh + at) != 0) return 1;
  }
  return 0;
}`;

test('fresh memory is zero where the list of accesses was', async () => {
  const { wasm } = await compileSource(GROWS, { metering: 'instruction' });

  const { verdict } = await check(wasm as BufferSource, { cpus: 1 });

  expect(verdict).toBe('proven');
});
