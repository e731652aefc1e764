// param_test -T r: once the fence is back, no section that was there before it runs on.

import { describe, expect, test } from 'vitest';
import type { AbiName } from '../../src/abi/index.js';
import { compileGuest, compileTwin, expectRestarts, run } from './guest.js';

const TIMES = 60;
const SEEDS = [1, 2, 3, 4, 5];

/** The arguments of guests/membarrier.ts. */
interface Arguments {
  readonly byMmCid?: boolean;
  readonly fence: keyof typeof FENCES;
  readonly twice?: boolean;
  readonly injected?: number;
  readonly seed: number;
}

const FENCES = { none: 0, 'one CPU': 1, 'all CPUs': 2 };

async function runWith(module: WebAssembly.Module, args: Arguments) {
  const { byMmCid = false, fence, twice = false, injected = 0, seed } = args;
  const numbers = [TIMES, Number(byMmCid), FENCES[fence], Number(twice), injected, 2];
  const { result } = await run(module, { numbers, cpus: 3, threads: 6, quantum: 97, seed });
  return result;
}

async function expectNoChange(abi: AbiName, args: Arguments) {
  const result = await runWith(await compileGuest('membarrier', { abi }), args);
  expect(result.failure).toBeUndefined();
  return result;
}

describe.each(['linux', 'linux-v2'] as const)('%s', (abi) => {
  test.each(SEEDS)('a fenced CPU works no more on what was active, seed %i', async (seed) => {
    expectRestarts(await expectNoChange(abi, { fence: 'one CPU', seed }), abi);
  });

  test.each(SEEDS)('a fence of all CPUs is one of each, seed %i', async (seed) => {
    expectRestarts(await expectNoChange(abi, { fence: 'all CPUs', twice: true, seed }), abi);
  });

  test.each(SEEDS)('so is it for concurrency ids, seed %i', async (seed) => {
    expectRestarts(await expectNoChange(abi, { fence: 'all CPUs', byMmCid: true, seed }), abi);
  });

  test.each([
    ['a delay', 1],
    ['a yield', 2],
    ['a signal to itself', 3],
    ['a sleep', 4],
  ])('that holds with %s between the steps', async (_what, injected) => {
    for (const seed of SEEDS) await expectNoChange(abi, { fence: 'one CPU', injected, seed });
  });

  test('without a fence a CPU goes on with what was active', async () => {
    const module = await compileGuest('membarrier', { abi });

    let changes = 0;
    for (const seed of SEEDS) {
      changes += (await runWith(module, { fence: 'none', seed })).exitCode ?? 0;
    }

    expect(changes).toBeGreaterThan(0);
  });
});

describe('without labels', () => {
  test('a fence keeps no thread from what was active', async () => {
    const module = await compileTwin('membarrier', { abi: 'linux' });

    const failures = [];
    for (const seed of SEEDS) {
      failures.push((await runWith(module, { fence: 'one CPU', seed })).failure);
    }

    expect(failures).not.toEqual(SEEDS.map(() => undefined));
  });
});
