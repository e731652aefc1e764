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

const GROWS_SOMETIMES = `
import { joinAll, spawn } from 'wasm-rseq/assembly';
const FLAG: usize = memory.data(4, 64);
const COPY: usize = memory.data(4, 64);
function worker(_: usize): i32 {
  store<i32>(FLAG, 1);
  store<i32>(FLAG, 2);
  return 0;
}
function grower(_: usize): i32 {
  const flag = load<i32>(FLAG);
  if (flag == 1) {
    memory.grow(1);
    store<i32>(COPY, load<i32>(FLAG));
  } else if (flag == 2) return 5;
  return 0;
}
export function main(): i32 {
  spawn(worker, 0);
  spawn(grower, 0);
  joinAll();
  assert(load<i32>(COPY) != LEFT, 'a copy that should not be');
  return 0;
}`;

test.each([
  [3, 'proven'],
  [2, 'violated'],
  [1, 'violated'],
])('what a thread has read decides whether it grows memory: %i is %s', async (left, verdict) => {
  const source = GROWS_SOMETIMES.replace('LEFT', String(left));
  const { wasm } = await compileSource(source, { metering: 'instruction' });

  expect((await check(wasm as BufferSource, { cpus: 1 })).verdict).toBe(verdict);
});
