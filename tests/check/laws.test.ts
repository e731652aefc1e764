// What the checker says does not depend on how it searches.

import { describe, expect, test } from 'vitest';
import { check, type CheckOptions, type CheckResult } from '../../src/check/index.js';
import { Space } from '../../src/check/space.js';
import { CORPUS } from '../corpus/manifest.js';
import { compileSource } from '../guests/compile.js';
import { compileEntry, optionsOf, type Side } from './programs.js';

const WITHOUT: Readonly<Record<string, CheckOptions>> = {
  local: { reductions: { local: false } },
  switches: { reductions: { switches: false } },
  restarts: { reductions: { restarts: false } },
  symmetry: { reductions: { symmetry: false } },
  'any of them': {
    reductions: { local: false, switches: false, restarts: false, symmetry: false },
  },
};

const SIDES: readonly Side[] = ['right', 'wrong'];

describe.each(CORPUS)('$name', (entry) => {
  test.each(SIDES)('%s: same verdict and same final states without reductions', async (side) => {
    const { wasm } = await compileEntry(entry, side);
    const options = optionsOf(entry);
    const reduced = await check(wasm as BufferSource, options);

    for (const [name, without] of Object.entries(WITHOUT)) {
      const full = await check(wasm as BufferSource, { ...options, ...without });

      expect(full.verdict, name).toBe(reduced.verdict);
      expect(full.failure?.message, name).toBe(reduced.failure?.message);
      if (side === 'right') expect(full.finalStates, name).toEqual(reduced.finalStates);
    }
  });

  test('right: states are told apart by fingerprints as by themselves', async () => {
    const { wasm } = await compileEntry(entry, 'right');
    const options = optionsOf(entry);

    const exact = await check(wasm as BufferSource, { ...options, exact: true });

    expect(comparable(exact)).toEqual(comparable(await check(wasm as BufferSource, options)));
  });

  test.each(SIDES)('%s: same result on every run', async (side) => {
    const { wasm } = await compileEntry(entry, side);

    const first = await check(wasm as BufferSource, optionsOf(entry));
    const second = await check(wasm as BufferSource, optionsOf(entry));

    expect(comparable(second)).toEqual(comparable(first));
  });

  test('right: the number of states does not depend on the order of the search', async () => {
    const { wasm } = await compileEntry(entry, 'right');
    const forwards = await check(wasm as BufferSource, optionsOf(entry));
    const { actions } = Space.prototype;
    Space.prototype.actions = function reversed(states, from, length, to): void {
      actions.call(this, states, from, length, to);
      to.reverse();
    };
    try {
      const backwards = await check(wasm as BufferSource, optionsOf(entry));

      expect(backwards.states).toBe(forwards.states);
      expect(backwards.transitions).toBe(forwards.transitions);
      expect(backwards.finalStates).toEqual(forwards.finalStates);
    } finally {
      Space.prototype.actions = actions;
    }
  });

  test('right: every point is interrupted and every restart taken', async () => {
    const { wasm } = await compileEntry(entry, 'right');

    const { coverage } = await check(wasm as BufferSource, optionsOf(entry));

    expect(coverage.missed).toEqual([]);
  });
});

function comparable(result: CheckResult): CheckResult {
  return { ...result, seconds: 0 };
}

const SPINS = `
import { join, spawn } from 'wasm-rseq/assembly';
const FLAG: usize = memory.data(4, 64);
function worker(_: usize): i32 {
  while (load<i32>(FLAG) == 0) {}
  return 0;
}
export function main(): i32 {
  const tid = spawn(worker, 0);
  SET;
  join(tid);
  return 0;
}`;

describe('liveness', () => {
  test('a thread that spins for what nobody does is a livelock', async () => {
    const { wasm } = await compileSource(SPINS.replace('SET;', ''), { metering: 'instruction' });

    const result = await check(wasm as BufferSource, { cpus: 1, liveness: true });

    expect(result.verdict).toBe('violated');
    expect(result.failure?.kind).toBe('livelock');
    expect(result.failure?.message).toContain('thread 2');
  });

  test('a thread that spins until somebody has done it is none', async () => {
    const source = SPINS.replace('SET', 'store<i32>(FLAG, 1)');
    const { wasm } = await compileSource(source, { metering: 'instruction' });

    const result = await check(wasm as BufferSource, { cpus: 1, liveness: true });

    expect(result.verdict).toBe('proven');
  });
});

const COMMITS = `
import { join, rseq, spawn } from 'wasm-rseq/assembly';
const FLIP: usize = memory.data(4, 64);
function worker(_: usize): i32 {
  do {
    rseq.restart();
    rseq.start();
    store<i32>(FLIP, 1 - load<i32>(FLIP));
    rseq.end();
  } while (load<i32>(FLIP) < 2);
  return 0;
}
export function main(): i32 {
  rseq.register();
  return join(spawn(worker, 0));
}`;

test('a thread that commits for ever is no livelock', async () => {
  const { wasm } = await compileSource(COMMITS, { metering: 'instruction' });

  const result = await check(wasm as BufferSource, { cpus: 1, liveness: true });

  expect(result.verdict).toBe('proven');
});

const SLEEPS = `
import { joinAll, nanosleep, spawn } from 'wasm-rseq/assembly';
const TIME: usize = memory.data(16, 8);
const COUNT: usize = memory.data(4, 64);
function worker(_: usize): i32 {
  store<i32>(COUNT, load<i32>(COUNT) + 1);
  nanosleep(TIME, 0);
  store<i32>(COUNT, load<i32>(COUNT) + 1);
  return 0;
}
export function main(): i32 {
  store<i64>(TIME, 1);
  spawn(worker, 0);
  nanosleep(TIME, 0);
  worker(0);
  joinAll();
  assert(load<i32>(COUNT) RANGE, 'a count that no interleaving explains');
  return 0;
}`;

test.each([
  ['proven', '>= 2'],
  ['violated', '== 4'],
])('threads that sleep are %s', async (verdict, range) => {
  const source = SLEEPS.replace('RANGE', range);
  const { wasm } = await compileSource(source, { metering: 'instruction' });

  const result = await check(wasm as BufferSource, { cpus: 1 });

  expect(result.verdict).toBe(verdict);
});

describe('limits', () => {
  test.each<[string, CheckOptions, RegExp]>([
    ['states', { maxStates: 20 }, /--max-states 20/],
    ['steps', { depth: 30 }, /--depth/],
  ])('of %s give incomplete, never proven', async (_what, limits, reason) => {
    const entry = CORPUS.find(({ name }) => name === 'double-unlock') as (typeof CORPUS)[number];
    const { wasm } = await compileEntry(entry, 'right');

    const result = await check(wasm as BufferSource, { ...optionsOf(entry), ...limits });

    expect(result.verdict).toBe('incomplete');
    expect(result.reason).toMatch(reason);
  });

  test('of preemptions hide what takes more of them', async () => {
    const entry = CORPUS.find(({ name }) => name === 'rcu-sum-order') as (typeof CORPUS)[number];
    const { wasm } = await compileEntry(entry, 'wrong');

    const few = await check(wasm as BufferSource, { ...optionsOf(entry), preemptions: 2 });
    const enough = await check(wasm as BufferSource, { ...optionsOf(entry), preemptions: 3 });

    expect(few.verdict).toBe('proven');
    expect(enough.verdict).toBe('violated');
    expect(enough.preemptions).toBe(3);
  });
});
