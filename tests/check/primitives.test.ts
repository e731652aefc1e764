// The proofs of the library: each primitive on 2 CPUs, 3 threads, under every preemption and migration, and
// with a signal at any point. Every point of its sections is interrupted, every restart edge is taken. And
// without its labels it fails.

import { describe, expect, test } from 'vitest';
import { check, type CheckOptions } from '../../src/check/index.js';
import { compileHarness } from '../percpu/programs.js';

/** A harness of primitives/ each: a primitive, or a part of one. */
const NAMES = [
  'bitmap',
  'compare-exchange',
  'counter',
  'hash-map',
  'list',
  'mempool',
  'ops-add',
  'ops-compare',
  'ops-list',
  'ops-memcpy',
  'ops-stack',
  'rcu',
  'rcu-call',
  'rcu-synchronize',
  'refcount',
  'refcount-kill',
  'ring',
  'ring-consumer',
  'slab',
  'slab-batch',
  'slab-resize',
  'slab-stop',
  'spinlock',
  'stack',
];
const PRIMITIVES = NAMES.map((name) => ({ name }));
const OPTIONS: CheckOptions = { cpus: 2, signals: 1 };

describe.each(PRIMITIVES)('percpu/$name', ({ name }) => {
  test('is proven, and every point was interrupted', async () => {
    const { wasm } = await compileHarness(name, {});

    const { verdict, failure, coverage } = await check(wasm as BufferSource, OPTIONS);

    expect(failure).toBeUndefined();
    expect(verdict).toBe('proven');
    expect(coverage.points).toBeGreaterThan(0);
    expect(coverage.interrupted).toBe(coverage.points);
    expect(coverage.restartEdgesTaken).toBe(coverage.restartEdges);
  });

  test('without its labels is violated', async () => {
    const { wasm } = await compileHarness(name, { isTwin: true });

    expect((await check(wasm as BufferSource, OPTIONS)).verdict).toBe('violated');
  });
});

// The sections are the slab's, which are covered there.
describe.each(['malloc', 'malloc-sizes', 'slab-laws'])('percpu/%s', (name) => {
  test('is proven', async () => {
    const { wasm } = await compileHarness(name, {});

    const { verdict, failure } = await check(wasm as BufferSource, OPTIONS);

    expect(failure).toBeUndefined();
    expect(verdict).toBe('proven');
  });
});
