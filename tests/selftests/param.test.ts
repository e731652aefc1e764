// param_test and run_param_test.sh: threads that work on per-CPU data by librseq's operations. Whatever
// happens between their steps, nothing is lost.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import {
  compileGuest,
  compileTwin,
  cpusFor,
  expectRestarts,
  run,
  type RunOptions,
} from './guest.js';

/** -T s, l, b, m, i: their numbers in guests/param.ts. */
const PROGRAMS = [
  { name: 'spinlock', what: 1 },
  { name: 'list', what: 2 },
  { name: 'buffer', what: 3 },
  { name: 'memcpy buffer', what: 4 },
  { name: 'increment', what: 5 },
];
const SEEDS = [1, 2, 3];

const INJECTIONS = [
  { what: 'a delay', injected: 1 },
  { what: 'a yield', injected: 2 },
  { what: 'a signal to itself', injected: 3 },
  { what: 'a sleep', injected: 4 },
];

/** The arguments of guests/param.ts. */
interface Arguments {
  readonly what: number;
  readonly times: number;
  readonly byMmCid?: boolean;
  readonly release?: boolean;
  readonly twice?: boolean;
  readonly injected?: number;
  /** Injected in one of how many passes. */
  readonly oneIn?: number;
  /** One of how many threads is unregistered. */
  readonly unregistered?: number;
}

function numbersOf({
  what,
  times,
  injected = 0,
  oneIn = 1,
  unregistered = 0,
  ...flags
}: Arguments) {
  const { byMmCid = false, release = false, twice = false } = flags;
  const switches = [byMmCid, release, twice].map(Number);
  return [what, times, ...switches, injected, oneIn, unregistered];
}

async function runParam(abi: AbiName, args: Arguments, options: RunOptions) {
  const module = await compileGuest('param', { abi });
  const numbers = numbersOf(args);
  const { result } = await run(module, { numbers, cpus: cpusFor(abi, 3), quantum: 97, ...options });
  expect(result.failure, JSON.stringify(options)).toBeUndefined();
  return result;
}

const CASES = PROGRAMS.flatMap((program) => SEEDS.map((seed) => ({ ...program, seed })));

describe.each(ABI_NAMES)('%s', (abi) => {
  test.each(CASES)('$name loses nothing, seed $seed', async ({ what, seed }) => {
    const result = await runParam(abi, { what, times: 200 }, { threads: 8, seed });

    expectRestarts(result, abi);
  });

  test.each(CASES)(
    '$name finds again what it has compared, release forms, seed $seed',
    async ({ what, seed }) => {
      const args = { what, times: 100, release: true, twice: true };
      const result = await runParam(abi, args, { threads: 6, seed });

      expectRestarts(result, abi);
    },
  );

  test.each(PROGRAMS)('$name loses nothing wherever slices end', async ({ what }) => {
    // A slice must be longer than a section.
    for (let quantum = 200; quantum < 240; quantum++) {
      const options = { threads: 3, scheduler: 'round-robin', quantum } as const;
      await runParam(abi, { what, times: 8 }, options);
    }
  });

  describe.each(INJECTIONS)('with $what', ({ injected }) => {
    test.each([25, 50, 100])('on %i of 100 passes nothing is lost', async (percentage) => {
      const oneIn = 100 / percentage;
      for (const { what } of PROGRAMS) {
        const args = { what, times: 30, injected, oneIn };
        await runParam(abi, args, { threads: 6, seed: percentage });
      }
    });
  });
});

// Sequences of ras belong to the process: it has no unregistered threads.
describe.each(ABI_NAMES.filter((abi) => abi !== 'ras'))('%s, with unregistered threads', (abi) => {
  test.each([1, 2, 3])('one in %i, nothing is lost', async (unregistered) => {
    for (const { what } of PROGRAMS) {
      await runParam(abi, { what, times: 60, unregistered }, { threads: 6 });
    }
  });
});

describe.each(['linux', 'linux-v2'] as const)('%s, by concurrency id', (abi) => {
  test.each(CASES)('$name loses nothing, seed $seed', async ({ what, seed }) => {
    const args = { what, times: 200, byMmCid: true, twice: seed === 2 };
    const result = await runParam(abi, args, { threads: 8, seed });

    expectRestarts(result, abi);
  });
});

describe('without labels', () => {
  test.each(PROGRAMS)('$name loses something', async ({ what }) => {
    const module = await compileTwin('param', {});

    const failures = [];
    for (const seed of SEEDS) {
      const numbers = numbersOf({ what, times: 200 });
      const options = { numbers, cpus: 3, threads: 8, quantum: 97, fuelLimit: 2e6, seed };
      failures.push((await run(module, options)).result.failure);
    }

    expect(failures).not.toEqual(SEEDS.map(() => undefined));
  });
});
