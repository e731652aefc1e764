// basic_test: a thread that stays on a CPU is told so by everything that can tell.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES } from '../../src/abi/index.js';
import { compileGuest, cpusFor, run } from './guest.js';

const WHERE = 1;

describe.each(ABI_NAMES)('%s', (abi) => {
  const machines = [
    { cpus: 1, every: 1 },
    { cpus: 4, every: 1 },
    { cpus: 5, every: 2 },
    { cpus: 70, every: 9 },
  ].filter(({ cpus }) => cpus === cpusFor(abi, cpus));

  test.each(machines)(
    'pinned to a CPU, getcpu, cpuId and the area agree: one in $every of $cpus',
    async ({ cpus, every }) => {
      const module = await compileGuest('percpu-ops', { abi });

      const { result } = await run(module, {
        numbers: [WHERE, 1, 0, every],
        cpus,
        threads: 5,
        quantum: 53,
      });

      expect(result.failure).toBeUndefined();
    },
  );
});
