// basic_percpu_ops_test and basic_percpu_ops_mm_cid_test: many threads on a lock and on a list for each CPU,
// by the primitives of the RFC's tests. Nothing is lost.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import { compileGuest, cpusFor, expectRestarts, run } from './guest.js';

const THREADS = 8;
const TIMES = 200;
const SEEDS = [1, 2, 3];
const PROGRAMS = [
  { name: 'spinlock', what: 2 },
  { name: 'list', what: 3 },
];
const BY_CPU = 0;
const BY_MM_CID = 1;

function machineOf(abi: AbiName, seed: number) {
  return { cpus: cpusFor(abi, 3), threads: THREADS, quantum: 97, seed };
}

const CASES = PROGRAMS.flatMap((program) => SEEDS.map((seed) => ({ ...program, seed })));

describe.each(ABI_NAMES)('%s', (abi) => {
  test.each(CASES)('per-CPU $name loses nothing, seed $seed', async ({ what, seed }) => {
    const module = await compileGuest('percpu-ops', { abi });

    const { result } = await run(module, {
      numbers: [what, TIMES, BY_CPU],
      ...machineOf(abi, seed),
    });

    expect(result.failure).toBeUndefined();
    expectRestarts(result, abi);
  });
});

describe.each(['linux', 'linux-v2'] as const)('%s, by concurrency id', (abi) => {
  test.each(CASES)('$name loses nothing, seed $seed', async ({ what, seed }) => {
    const module = await compileGuest('percpu-ops', { abi });

    const { result } = await run(module, {
      numbers: [what, TIMES, BY_MM_CID],
      ...machineOf(abi, seed),
    });

    expect(result.failure).toBeUndefined();
    expectRestarts(result, abi);
  });
});

describe('without labels', () => {
  test.each(PROGRAMS)('per-CPU $name loses something', async ({ what }) => {
    const module = await compileGuest('percpu-ops', {}, 'twin');

    const failures = [];
    for (const seed of SEEDS) {
      const { result } = await run(module, {
        numbers: [what, TIMES, BY_CPU],
        ...machineOf('turner', seed),
        fuelLimit: 2e6,
      });
      failures.push(result.failure);
    }

    expect(failures).not.toEqual(SEEDS.map(() => undefined));
  });
});
