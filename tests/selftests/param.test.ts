// param_test and run_param_test.sh: threads that work on per-CPU data by librseq's operations. Whatever
// happens between their steps, nothing is lost.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import type { Variant } from '../guests/variants.js';
import { compileParamTest, cpusFor, expectRestarts, run, type RunOptions } from './guest.js';

const TESTS = [
  { name: 'spinlock', letter: 's' },
  { name: 'list', letter: 'l' },
  { name: 'buffer', letter: 'b' },
  { name: 'memcpy buffer', letter: 'm' },
  { name: 'increment', letter: 'i' },
];
const SEEDS = [1, 2, 3];

const INJECTIONS = [
  { what: 'a yield', letters: ['-y'] },
  { what: 'a signal to itself', letters: ['-k'] },
  { what: 'a sleep', letters: ['-s', '1'] },
];
const POINTS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

interface ParamOptions extends Omit<RunOptions, 'threads'> {
  readonly variant?: Variant;
  readonly threads: number;
}

async function runParam(
  abi: AbiName,
  args: readonly (string | number)[],
  { variant, threads, ...options }: ParamOptions,
) {
  const module = await compileParamTest({ abi }, variant);
  const settings = { cpus: cpusFor(abi, 3), quantum: 97, ...options };
  const { result } = await run(module, {
    args: ['-t', `${threads}`, ...args.map(String)],
    ...settings,
  });
  return result;
}

async function expectNothingLost(...[abi, args, options]: Parameters<typeof runParam>) {
  const result = await runParam(abi, args, options);
  expect(result.failure, `${args.join(' ')} ${JSON.stringify(options)}`).toBeUndefined();
  return result;
}

const CASES = TESTS.flatMap((each) => SEEDS.map((seed) => ({ ...each, seed })));

describe.each(ABI_NAMES)('%s', (abi) => {
  test.each(CASES)('$name loses nothing, seed $seed', async ({ letter, seed }) => {
    const args = ['-T', letter, '-r', 200];

    const result = await expectNothingLost(abi, args, { threads: 8, seed });

    expectRestarts(result, abi);
  });

  test.each(CASES)(
    '$name finds again what it has compared, release forms, seed $seed',
    async ({ letter, seed }) => {
      const args = ['-T', letter, '-r', 100, '-M'];
      const options = { variant: 'compare-twice', threads: 6, seed } as const;

      const result = await expectNothingLost(abi, args, options);

      expectRestarts(result, abi);
    },
  );

  test.each(TESTS)('$name loses nothing wherever slices end', async ({ letter }) => {
    // A slice must be longer than a section.
    for (let quantum = 200; quantum < 240; quantum++) {
      const options = { threads: 3, scheduler: 'round-robin', quantum } as const;
      await expectNothingLost(abi, ['-T', letter, '-r', 8], options);
    }
  });

  test.each(POINTS)('with a delay at point %i nothing is lost', async (point) => {
    for (const { letter } of TESTS) {
      const args = ['-T', letter, '-r', 20, `-${point}`, 50];
      await expectNothingLost(abi, args, { threads: 6, seed: point });
    }
  });

  describe.each(INJECTIONS)('with $what', ({ letters }) => {
    test.each([25, 50, 100])(
      'on %i of 100 passes of a point nothing is lost',
      async (percentage) => {
        for (const [index, { letter }] of TESTS.entries()) {
          // Every point in its turn, and as run_param_test.sh does it, 7 to 9.
          const point = 1 + ((percentage + index) % POINTS.length);
          const points = [...new Set([point, 7, 8, 9])].flatMap((each) => [`-${each}`, -1]);
          const args = ['-T', letter, '-r', 20, ...points, '-m', 100 / percentage, ...letters];
          // Sleeping is waited for in instructions.
          await expectNothingLost(abi, args, { threads: 6, seed: percentage, fuelLimit: 1e10 });
        }
      },
    );
  });
});

// Sequences of ras belong to the process: it has no unregistered threads.
describe.each(ABI_NAMES.filter((abi) => abi !== 'ras'))('%s, with unregistered threads', (abi) => {
  test.each([['-d'], ['-D', 1], ['-D', 2], ['-D', 3]])(
    '%s %s, nothing is lost',
    async (...args) => {
      for (const { letter } of TESTS) {
        await expectNothingLost(abi, ['-T', letter, '-r', 60, ...args], { threads: 6 });
      }
    },
  );
});

describe.each(['linux', 'linux-v2'] as const)('%s, by concurrency id', (abi) => {
  test.each(CASES)('$name loses nothing, seed $seed', async ({ letter, seed }) => {
    const variant = seed === 2 ? 'compare-twice' : 'plain';
    const args = ['-T', letter, '-r', 200, '-c'];

    const result = await expectNothingLost(abi, args, { variant, threads: 8, seed });

    expectRestarts(result, abi);
  });
});

describe('without labels', () => {
  test.each(TESTS)('$name loses something', async ({ letter }) => {
    const failures = [];
    for (const seed of SEEDS) {
      const options = { variant: 'twin', threads: 8, fuelLimit: 2e6, seed } as const;
      failures.push((await runParam('turner', ['-T', letter, '-r', 200], options)).failure);
    }

    expect(failures).not.toEqual(SEEDS.map(() => undefined));
  });
});
