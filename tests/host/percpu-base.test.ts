// The per-CPU base register: the place of a thread's CPU without a thread pointer, a load or a
// multiplication.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

const THREADS = 4;
const ROUNDS = 150;
const SEEDS = [1, 2, 3];

/** `compare` and `section` are what differs. */
function counting(isLabelled: boolean): string {
  const label = (text: string): string => (isLabelled ? text : '');
  return `import { join, nrCpus, printNumber, rseq, spawn } from 'wasm-rseq/assembly';
const area: usize = memory.data(4096);
function worker(n: usize): i32 {
  for (let i = 0; i < ${ROUNDS}; i++) {
    ${label('rseq.restart();')}
    ${label('rseq.start();')}
    const slot = rseq.percpuBase();
    store<i32>(slot, load<i32>(slot) + 1);
    ${label('rseq.end();')}
  }
  return 0;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  assert(rseq.setPercpuArea(area, 128) == 0);
  for (let n = 0; n < ${THREADS}; n++) spawn(worker, n);
  for (let n = 0; n < ${THREADS}; n++) join(n + 2);
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(area + cpu * 128);
  printNumber(sum);
  return 0;
}`;
}

async function sums(abi: AbiName, isLabelled: boolean): Promise<number[]> {
  const program = await compileSource(counting(isLabelled), { abi });
  const found: number[] = [];
  for (const seed of SEEDS) {
    const cpus = abi === 'ras' ? 1 : 3;
    const host = await bootProgram(program, { cpus, seed, quantum: 29, fuelLimit: 5e6 });
    expect(host.run().failure).toBeUndefined();
    found.push(Number(host.printed[0]));
  }
  return found;
}

describe.each(ABI_NAMES)('%s: sections at the per-CPU base', (abi) => {
  test('lose nothing under preemption and migration', async () => {
    expect(await sums(abi, true)).toEqual(SEEDS.map(() => THREADS * ROUNDS));
  });
});

describe('the per-CPU base', () => {
  test('protects nothing by itself: without labels increments are lost', async () => {
    const found = await sums('turner', false);

    expect(Math.min(...found)).toBeLessThan(THREADS * ROUNDS);
  });

  test('is base + CPU x stride whenever the thread runs, wherever it was moved', async () => {
    const source = `import { rseq, schedSetaffinity, schedYield } from 'wasm-rseq/assembly';
const area: usize = memory.data(4096);
const mask: usize = memory.data(8);
export function main(): i32 {
  assert(rseq.register() == 0);
  assert(rseq.percpuBase() == 0);
  rseq.setPercpuArea(area, 64);
  for (let turn = 0; turn < 40; turn++) {
    store<i32>(mask, 1 << (turn * 7 % 4));
    assert(schedSetaffinity(0, 4, mask) == 0);
    assert(rseq.percpuBase() == area + rseq.cpuId() * 64);
    assert(rseq.cpuId() == turn * 7 % 4);
  }
  rseq.setPercpuArea(0, 0);
  assert(rseq.percpuBase() == 0);
  return 0;
}`;
    const host = await bootProgram(await compileSource(source), { cpus: 4, fuelLimit: 1e6 });

    expect(host.run().failure).toBeUndefined();
  });
});
