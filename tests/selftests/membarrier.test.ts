// param_test -T r: once the fence is back, no section that was there before it runs on.

import { describe, expect, test } from 'vitest';
import type { AbiName } from '../../src/abi/index.js';
import type { Variant } from '../guests/variants.js';
import { compileParamTest, expectRestarts, run } from './guest.js';

const TIMES = 60;
const SEEDS = [1, 2, 3, 4, 5];

interface Options {
  readonly fence: keyof typeof FENCES;
  readonly seed: number;
  readonly variant?: Variant;
  /** More of its arguments. */
  readonly args?: readonly string[];
}

const FENCES = { none: 0, 'one CPU': 1, 'all CPUs': 2 };

async function runTest(abi: AbiName, { fence, seed, variant, args = [] }: Options) {
  const module = await compileParamTest({ abi }, variant);
  const fixed = ['-T', 'r', '-t', '6', '-r', `${TIMES}`, '-f', `${FENCES[fence]}`];
  const options = { cpus: 3, quantum: 97, fuelLimit: 1e9, seed };
  return (await run(module, { args: [...fixed, ...args], ...options })).result;
}

async function expectNoChange(abi: AbiName, options: Options) {
  const result = await runTest(abi, options);
  expect(result.failure).toBeUndefined();
  return result;
}

describe.each(['linux', 'linux-v2'] as const)('%s', (abi) => {
  test.each(SEEDS)('a fenced CPU works no more on what was active, seed %i', async (seed) => {
    expectRestarts(await expectNoChange(abi, { fence: 'one CPU', seed }), abi);
  });

  test.each(SEEDS)('a fence of all CPUs is one of each, seed %i', async (seed) => {
    expectRestarts(
      await expectNoChange(abi, { fence: 'all CPUs', variant: 'compare-twice', seed }),
      abi,
    );
  });

  test.each(SEEDS)('so is it for concurrency ids, seed %i', async (seed) => {
    expectRestarts(await expectNoChange(abi, { fence: 'all CPUs', args: ['-c'], seed }), abi);
  });

  test.each([
    ['a delay', ['-9', '50']],
    ['a yield', ['-9', '-1', '-m', '2', '-y']],
    ['a signal to itself', ['-9', '-1', '-m', '2', '-k']],
    ['a sleep', ['-9', '-1', '-m', '2', '-s', '1']],
  ])('that holds with %s between the steps', async (_what, args) => {
    for (const seed of SEEDS) await expectNoChange(abi, { fence: 'one CPU', args, seed });
  });

  test('without a fence a CPU goes on with what was active', async () => {
    const failures = [];
    for (const seed of SEEDS) failures.push((await runTest(abi, { fence: 'none', seed })).failure);

    expect(failures).not.toEqual(SEEDS.map(() => undefined));
  });
});

describe('without labels', () => {
  test('a fence keeps no thread from what was active', async () => {
    const failures = [];
    for (const seed of SEEDS) {
      const options = { fence: 'one CPU', variant: 'twin', seed } as const;
      failures.push((await runTest('linux', options)).failure);
    }

    expect(failures).not.toEqual(SEEDS.map(() => undefined));
  });
});
