// Sets of CPUs and their form in guest memory.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CpuSet, MAX_CPUS } from '../../src/kernel/cpu-set.js';

const CPU = fc.nat({ max: MAX_CPUS - 1 });

function setOf(cpus: readonly number[]): CpuSet {
  const set = new CpuSet();
  for (const cpu of cpus) set.add(cpu);
  return set;
}

function cpusOf(set: CpuSet): number[] {
  return Array.from({ length: MAX_CPUS }, (_, cpu) => cpu).filter((cpu) => set.has(cpu));
}

describe('cpu set', () => {
  test('starts empty', () => {
    expect(new CpuSet().isEmpty()).toBe(true);
  });

  test.each([0, 31, 32, 63, 255])('holds cpu %i and no other', (cpu) => {
    expect(cpusOf(setOf([cpu]))).toEqual([cpu]);
  });

  test.each([-1, MAX_CPUS, MAX_CPUS + 31])('never holds cpu %i', (cpu) => {
    expect(CpuSet.firstCpus(MAX_CPUS).has(cpu)).toBe(false);
  });

  test('bit n of byte n / 8 is cpu n', () => {
    expect([...setOf([0, 3, 8, 15]).toBytes(4)]).toEqual([0b1001, 0b10000001, 0, 0]);
  });

  test('reads back as it was written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(CPU), (cpus) => {
        const copy = CpuSet.fromBytes(setOf(cpus).toBytes(MAX_CPUS / 8));

        expect(cpusOf(copy)).toEqual([...cpus].sort((a, b) => a - b));
      }),
    );
  });

  test('bytes beyond the last cpu are zero, and ignored', () => {
    const bytes = CpuSet.firstCpus(MAX_CPUS).toBytes(MAX_CPUS / 8 + 2);

    expect([...bytes.subarray(MAX_CPUS / 8)]).toEqual([0, 0]);
    expect(cpusOf(CpuSet.fromBytes(bytes.fill(255))).length).toBe(MAX_CPUS);
  });

  test('an intersection holds what both hold', () => {
    fc.assert(
      fc.property(fc.uniqueArray(CPU), fc.uniqueArray(CPU), (left, right) => {
        const both = cpusOf(setOf(left).intersect(setOf(right)));

        expect(both).toEqual(left.filter((cpu) => right.includes(cpu)).sort((a, b) => a - b));
      }),
    );
  });
});
