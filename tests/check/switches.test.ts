// A thread that the kernel kills if it loses its CPU, for whatever reason: nobody else need be there.

import { expect, test } from 'vitest';
import { check } from '../../src/check/index.js';
import { createHost } from '../../src/host/index.js';
import { compileSource } from '../guests/compile.js';

const BROKEN_FOR_A_WHILE = `
import { rseq } from 'wasm-rseq/assembly';
import { threadPointer } from 'wasm-rseq/assembly/tcb';

const descriptor: usize = memory.data(64, 64);

export function main(): i32 {
  rseq.register();
  store<i32>(descriptor, 77);
  store<i32>(threadPointer() + 8, <i32>descriptor);
  store<i32>(descriptor, 1, 32);
  store<i32>(threadPointer() + 8, 0);
  return 0;
}`;

test('a thread that must not lose its CPU for a while does, and the schedule says when', async () => {
  const { wasm } = await compileSource(BROKEN_FOR_A_WHILE, {
    metering: 'instruction',
    abi: 'linux',
  });

  const { verdict, failure, schedule } = await check(wasm as BufferSource, { cpus: 1 });

  expect(verdict).toBe('violated');
  expect(failure?.message).toContain('SIGSEGV');
  const host = await createHost({ wasm: wasm as BufferSource, schedule: schedule as string });
  expect(host.run().failure?.signal).toBe('SIGSEGV');
});
