// Labels must become control flow before the optimiser runs. Lowered after it, a restart finds in a
// local what the optimiser put there in the meantime, unless locals are given back first.

import { beforeAll, describe, expect, test } from 'vitest';
import { createHost, type Result } from '../../src/host/index.js';
import { instrumentFile } from '../../src/toolchain/index.js';
import { compileSource } from '../guests/compile.js';
import { compileWithoutTransform, lowerLate } from '../guests/late.js';

/**
 * `base` is dead once `p` is computed, so the optimiser lets `p` take its local; a restart computes
 * p from p, and the increment goes astray.
 */
const SOURCE = `import * as sys from 'wasm-rseq/assembly/sys';
import { rseq, spawn, join, nrCpus } from 'wasm-rseq/assembly';
let slots: usize = memory.data(4096, 64);
let holder: usize = memory.data(8, 8);
function add(): void {
  const base = load<usize>(holder);
  rseq.restart();
  rseq.start();
  const p = base + load<i32>(base) + <usize>(rseq.cpuId() + 1) * 64;
  store<i32>(p, load<i32>(p) + 1);
  rseq.end();
}
function worker(n: usize): i32 {
  for (let i = 0; i < 200; i++) add();
  return 0;
}
let pid: i32 = sys.getpid() + 41;
export function main(): i32 {
  assert(pid == 42, 'the start function has run');
  assert(rseq.register() == 0);
  store<usize>(holder, slots);
  const a = spawn(worker, 1), b = spawn(worker, 2);
  join(a); join(b);
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(slots + <usize>(cpu + 1) * 64);
  return sum == 400 ? 0 : 1;
}`;

let optimized: Uint8Array;

async function run(wasm: Uint8Array, quantum: number): Promise<Result> {
  const host = await createHost({
    wasm: wasm as BufferSource,
    cpus: 2,
    quantum,
    seed: quantum,
    fuelLimit: 1e6,
  });
  return host.run();
}

async function failures(wasm: Uint8Array): Promise<number> {
  let failed = 0;
  for (let quantum = 1; quantum <= 30; quantum++) if (!(await run(wasm, quantum)).ok) failed++;
  return failed;
}

beforeAll(async () => {
  optimized = await compileWithoutTransform(SOURCE);
});

describe('lowering', () => {
  test('before the optimiser keeps every increment', async () => {
    const { wasm } = await compileSource(SOURCE);

    expect(await failures(wasm)).toBe(0);
  });

  test('after the optimiser, without giving locals back, loses increments', async () => {
    expect(await failures(lowerLate(optimized))).toBeGreaterThan(0);
  });

  test('of a finished module gives locals back, and keeps every increment', async () => {
    const wasm = await instrumentFile(optimized);

    expect(await failures(wasm)).toBe(0);
  });

  test('of a finished module is the same twice, byte for byte', async () => {
    const [first, second] = [await instrumentFile(optimized), await instrumentFile(optimized)];

    expect(first).toEqual(second);
  });

  test('of bytes that are no module is refused', async () => {
    await expect(instrumentFile(optimized.slice(0, 100))).rejects.toThrow(
      /not a valid WebAssembly/,
    );
  });
});
