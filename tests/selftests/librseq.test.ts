// librseq's unregistered_test and no_syscall_test: a thread that has not registered knows no CPU, on a
// kernel that could have told it and on one that could not. Its fork_test and syscall_errors_test are in
// tests/kernel/rseq and syscall-errors.test.ts.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName, Errno } from '../../src/abi/index.js';
import { compileText, run } from './guest.js';

const { EINVAL, ENOSYS } = Errno;

/** Prints what threads get for their CPU that start before register(), and after it; then its result. */
const SOURCE = `import { join, printNumber, rseq, spawn } from 'wasm-rseq/assembly';
function cpuId(_unused: usize): i32 {
  return rseq.cpuId();
}
export function main(): i32 {
  printNumber(join(spawn(cpuId, 0)));
  const result = rseq.register();
  printNumber(join(spawn(cpuId, 0)));
  printNumber(result);
  return 0;
}`;

// ras has no word with the CPU.
const WITH_WORD = ABI_NAMES.filter((abi) => abi !== 'ras');

describe('a thread that has not registered', () => {
  test.each(WITH_WORD)('knows no CPU; one that starts after register() does, %s', async (abi) => {
    const module = await compileText(SOURCE, { abi });

    const { result, printed } = await run(module, { abi });

    expect(result.failure).toBeUndefined();
    expect(printed).toEqual([-1, 0, 0]);
  });

  test('knows no CPU when it is the first one either', async () => {
    const source = `import { rseq } from 'wasm-rseq/assembly';
      export function main(): i32 { return rseq.cpuId(); }`;
    const module = await compileText(source, { abi: 'linux' });

    const { result } = await run(module, { abi: 'linux' });

    expect(result.exitCode).toBe(-1);
  });
});

describe('on a kernel without the call', () => {
  // A module with sections would not be run at all.
  test.each<[AbiName, AbiName]>([
    ['turner', 'linux'],
    ['google', 'linux-v2'],
    ['event-counter', 'linux'],
    ['percpu-signal', 'ras'],
    ['linux', 'turner'],
    ['linux-v2', 'percpu-signal'],
  ])('%s: register() is -ENOSYS, and no thread knows its CPU; %s', async (abi, kernel) => {
    const module = await compileText(SOURCE, { abi });

    const { result, printed } = await run(module, { abi: kernel });

    expect(result.failure).toBeUndefined();
    expect(printed).toEqual([-1, -1, -ENOSYS]);
  });

  test.each<[AbiName, number]>([
    ['linux', -EINVAL],
    ['linux-v2', -EINVAL],
    ['turner', -ENOSYS],
    ['google', -ENOSYS],
    ['event-counter', -ENOSYS],
    ['percpu-signal', -ENOSYS],
    ['ras', -ENOSYS],
  ])('rseq() of nothing tells whether there is the call: %s, %i', async (abi, expected) => {
    const source = `import { syscall } from 'wasm-rseq/assembly';
      export function main(): i32 { return syscall(334, 0, 0, 0, 0, 0, 0); }`;
    const module = await compileText(source, {});

    expect((await run(module, { abi })).result.exitCode).toBe(expected);
  });
});
