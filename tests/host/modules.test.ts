// Several modules in one address space: each has its own sections and code addresses, all share one
// memory, one process and one kernel.

import { describe, expect, test } from 'vitest';
import { type AbiName, Errno } from '../../src/abi/index.js';
import { createHost, type HostOptions, OptionError } from '../../src/host/index.js';
import type { CompiledProgram } from '../../src/toolchain/index.js';
import { compileSource } from '../guests/compile.js';

const ROUNDS = 200;
const BASES = ['65536', '262144', '458752'];

/** Counts at 256 + 64 x CPU of the page all share; `index` 0 waits for the others and prints the sum. */
function source(index: number, count: number): string {
  return `import { join, nrCpus, printNumber, rseq } from 'wasm-rseq/assembly';
export function main(): i32 {
  const result = rseq.register();
  if (result != 0) return result;
  for (let round = 0; round < ${ROUNDS}; round++) {
    rseq.restart();
    rseq.start();
    const slot = 256 + <usize>rseq.cpuId() * 64;
    store<i32>(slot, load<i32>(slot) + 1);
    rseq.end();
  }
  ${
    index > 0
      ? 'return 0;'
      : `let sum = 0;
  for (let tid = 2; tid <= ${count}; tid++) sum += join(tid);
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(256 + cpu * 64);
  printNumber(sum);
  return 0;`
  }
}`;
}

function compileAll(sources: readonly string[], abi: AbiName): Promise<CompiledProgram[]> {
  return Promise.all(
    sources.map((text, index) =>
      compileSource(text, { abi, ascArguments: ['--memoryBase', BASES[index] ?? ''] }),
    ),
  );
}

async function boot(modules: readonly CompiledProgram[], options: Partial<HostOptions> = {}) {
  const printed: string[] = [];
  const host = await createHost({
    wasm: modules.map(({ wasm }) => wasm as BufferSource),
    sourceMap: modules.map(({ sourceMap }) => sourceMap),
    cpus: 2,
    quantum: 37,
    fuelLimit: 5e6,
    onOutput: (_fd, bytes) => printed.push(new TextDecoder().decode(bytes).trimEnd()),
    ...options,
  });
  return { host, printed };
}

describe.each<AbiName>(['event-counter', 'percpu-signal', 'linux', 'linux-v2', 'ras'])(
  'three modules with sections of their own under %s',
  (abi) => {
    test.each([1, 2, 3])('lose nothing, seed %i', async (seed) => {
      const sources = [0, 1, 2].map((index) => source(index, 3));
      const cpus = abi === 'ras' ? 1 : 2;
      const { host, printed } = await boot(await compileAll(sources, abi), { seed, cpus });

      const result = host.run();

      expect(result.failure).toBeUndefined();
      expect(printed).toEqual([String(3 * ROUNDS)]);
      if (abi !== 'percpu-signal') expect(result.restarts).toBeGreaterThan(10);
    });
  },
);

describe('under turner', () => {
  test('the second SET_CRITICAL is EBUSY, and one module of the two has sections', async () => {
    const modules = await compileAll([source(0, 2), source(1, 2)], 'turner');
    const { host, printed } = await boot(modules);

    expect(host.run().ok).toBe(true);
    // The status of the second, -16, is part of the sum.
    expect(printed).toEqual([String(ROUNDS - Errno.EBUSY)]);
  });
});

describe('code addresses', () => {
  test('of modules do not overlap, and each is known by file and line', async () => {
    const modules = await compileAll([source(0, 2), source(1, 2)], 'linux');
    const { host } = await boot(modules);
    const [first, second] = host.text.programs;
    const section = second?.map.sections[0];
    if (first === undefined || second === undefined || section === undefined) throw new Error();

    expect(second.bias).toBeGreaterThanOrEqual(first.map.points.length);
    expect(host.text.placeOf(section.start + second.bias)).toMatch(/main.*guest\.ts:7/);
    expect(host.text.sectionAt(section.start + second.bias)?.section).toEqual(section);
    expect(host.text.sectionAt(section.end + second.bias)).toBeUndefined();
    expect(host.text.pointAt(second.bias + 0xfff)).toBeUndefined();
  });

  test('carry the signature in front of every restart label, and nowhere else', async () => {
    const modules = await compileAll([source(0, 2), source(1, 2)], 'linux');
    const { text } = (await boot(modules)).host;
    for (const { map, bias } of text.programs) {
      const labels = map.sections.map(({ restart }) => restart - 4 + bias);
      for (let ip = bias + 0x1000; ip < bias + 0x1000 + map.points.length - 4; ip++) {
        expect(text.loadText(ip)).toBe(labels.includes(ip) ? 0x53053053 : 0);
      }
      expect(text.loadText(bias + 0xfff)).toBeUndefined();
      expect(text.loadText(bias + 0x1000 + map.points.length - 3)).toBeUndefined();
    }
  });
});

describe('a trap in the second module', () => {
  test('is named after its own source', async () => {
    const trap = `export function main(): i32 {
  // A line of its own.
  unreachable();
  return load<i32>(0);
}`;
    const { host } = await boot(await compileAll([source(0, 2), trap], 'linux'));

    expect(host.run().failure?.message).toMatch(/thread 2 killed by SIGILL in .*guest\.ts:3/);
  });
});

describe('a run of several modules', () => {
  test('is the same twice, and replays', async () => {
    const modules = await compileAll([source(0, 2), source(1, 2)], 'linux');
    const first = (await boot(modules, { seed: 5 })).host.run();

    expect((await boot(modules, { seed: 5 })).host.run()).toEqual(first);
    expect((await boot(modules, { schedule: first.schedule as string })).host.run()).toEqual(first);
  });

  test('needs a module', async () => {
    await expect(createHost({ wasm: [] })).rejects.toThrow(OptionError);
  });
});

test('a handler that moves nothing does not restart a section of a module with a load bias', async () => {
  const sender = `import { schedYield, tgkill } from 'wasm-rseq/assembly/sys';
import { join } from 'wasm-rseq/assembly';
export function main(): i32 {
  while (load<i32>(64) == 0) schedYield();
  for (let round = 0; round < 50; round++) { tgkill(1, 2, 10); schedYield(); }
  return join(2);
}`;
  // Not registered: nobody but the handler interrupts its section.
  const receiver = `import { printNumber, rseq } from 'wasm-rseq/assembly';
import { rtSigaction } from 'wasm-rseq/assembly/sys';
function handler(_signo: i32): void { store<i32>(68, load<i32>(68) + 1); }
export function main(): i32 {
  const entry: (signo: i32) => void = handler;
  store<i32>(72, entry.index);
  rtSigaction(10, 72, 0);
  store<i32>(64, 1);
  let restarts = 0;
  for (let round = 0; round < 500; round++) {
    if (rseq.restart()) restarts++;
    rseq.start();
    store<i32>(256, load<i32>(256) + 1);
    rseq.end();
  }
  printNumber(restarts);
  printNumber(load<i32>(68) > 20 ? 1 : 0);
  return 0;
}`;
  const modules = await compileAll([sender, receiver], 'linux');

  const { host, printed } = await boot(modules, { quantum: 5, scheduler: 'round-robin' });
  host.run();

  expect(printed).toEqual(['0', '1']);
});
