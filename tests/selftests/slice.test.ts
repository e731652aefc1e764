// slice_test and run_timeslice_test.sh: a thread that asks for a longer slice while it works, next to one
// that makes noise, on one CPU.

import { describe, expect, test } from 'vitest';
import { compileGuest, run, type RunOptions } from './guest.js';

const TURNS = 60;
/** More instructions than a slice has, fewer than an extension. */
const SHORT = 250;
/** More than both. */
const LONG = 2500;
const QUANTUM = 1000;
const SEEDS = [1, 2, 3, 4];

const NOT = 0;
const BY_PRCTL = 1;
const BY_FLAG = 2;
const BY_YIELD = 0;
const BY_GETPID = 1;

/** work, how it is enabled, how a grant ends */
async function runSlices(
  [work, enable, end]: readonly [number, number, number],
  options: RunOptions,
) {
  const module = await compileGuest('slice', { abi: 'linux-v2' });
  const numbers = [TURNS, work, enable, end];
  const kernel = { abi: 'linux-v2', quantum: QUANTUM } as const;
  const { result, printed } = await run(module, { numbers, ...kernel, ...options });
  expect(result.failure).toBeUndefined();
  const [grants = -1, yields = -1, lost = -1, intrusions = -1, successions = -1] = printed;
  return { grants, yields, lost, intrusions, successions };
}

const ROUND_ROBIN = { scheduler: 'round-robin' } as const;

describe('a time-slice extension', () => {
  test.each([
    ['prctl', BY_PRCTL],
    ['registration', BY_FLAG],
  ])('enabled by %s is granted when the slice ends', async (_how, enable) => {
    const { grants, lost } = await runSlices([SHORT, enable, BY_YIELD], ROUND_ROBIN);

    expect(grants).toBeGreaterThan(TURNS / 2);
    expect(lost).toBe(0);
  });

  test.each(SEEDS)('that is long enough keeps everybody out, seed %i', async (seed) => {
    const { grants, lost, intrusions } = await runSlices([SHORT, BY_PRCTL, BY_YIELD], { seed });

    expect(grants).toBeGreaterThan(0);
    expect([lost, intrusions]).toEqual([0, 0]);
  });

  test.each(SEEDS)('is taken back by rseq_slice_yield, which returns 1, seed %i', async (seed) => {
    const { grants, yields } = await runSlices([SHORT, BY_PRCTL, BY_YIELD], { seed });

    expect(yields).toBe(grants);
  });

  test.each([
    ['rseq_slice_yield', BY_YIELD],
    ['getpid', BY_GETPID],
  ])('ends with %s, and then it is the turn of others', async (_call, end) => {
    const { grants, successions } = await runSlices([SHORT, BY_PRCTL, end], ROUND_ROBIN);

    expect(grants).toBeGreaterThan(0);
    expect(successions).toBe(grants);
  });

  test('that is too short is lost with the CPU', async () => {
    const { grants, lost, intrusions } = await runSlices([LONG, BY_PRCTL, BY_YIELD], ROUND_ROBIN);

    expect(lost).toBeGreaterThan(TURNS / 2);
    expect(intrusions).toBeGreaterThanOrEqual(lost);
    expect(grants + lost).toBeLessThanOrEqual(TURNS);
  });

  test('is not granted unless enabled', async () => {
    const seen = await runSlices([SHORT, NOT, BY_YIELD], ROUND_ROBIN);

    expect(seen).toMatchObject({ grants: 0, yields: 0 });
    expect(seen.intrusions).toBeGreaterThan(TURNS / 2);
  });
});
