// The same program on every ABI: what it counts is exact whatever interrupts it, by preemption,
// migration and signals, and its handlers may run sections of their own.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName, Signal } from '../../src/abi/index.js';
import { createHost, type HostOptions, OptionError } from '../../src/host/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

const THREADS = 5;
const ROUNDS = 60;
const SEEDS = [1, 2, 3];

/** Threads that add to two counters with sections of different shapes, and signal each other. */
const SOURCE = `import { counterAdd, counterCreate, counterSum, join, kill, printNumber, rseq, self,
  signal, spawn } from 'wasm-rseq/assembly';
let counter: usize = 0;
let limited: usize = 0;
let handled: usize = 0;
/** Gives up when interrupted; leaves early when full. 1 when it has added. */
function addBelow(limit: i32): i32 {
  if (rseq.restart()) return 0;
  rseq.start();
  const slot = limited + <usize>rseq.cpuId() * 64;
  const value = load<i32>(slot);
  if (value >= limit) return 2;
  store<i32>(slot, value + 1);
  rseq.end();
  return 1;
}
/** Leaves a loop inside the section by break and by return. */
function addSum(n: i32): i32 {
  rseq.restart();
  rseq.start();
  let sum = 0;
  for (let i = 0; ; i++) {
    if (i > 3) return -1;
    if (i >= n) break;
    sum += load<i32>(counter, 2048) + i;
  }
  store<i32>(counter + <usize>rseq.cpuId() * 64, load<i32>(counter + <usize>rseq.cpuId() * 64) + 1);
  rseq.end();
  return sum;
}
function onSignal(signo: i32): void {
  counterAdd(counter, 1);
  atomic.add<i32>(handled, 1);
}
function worker(n: usize): i32 {
  let added = 0;
  for (let i = 0; i < ${ROUNDS}; i++) {
    counterAdd(counter, 1);
    assert(addSum(3) == 3);
    assert(addSum(9) == -1);
    if (addBelow(1 << 20) == 1) added++;
    assert(addBelow(0) != 1);
    if (i % 7 == 0) kill(self() == 2 ? 3 : 2, ${Signal.SIGUSR2});
  }
  return added;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  counter = counterCreate(); limited = counterCreate(); handled = heap.alloc(64);
  store<i32>(handled, 0);
  signal(${Signal.SIGUSR2}, onSignal);
  for (let n = 0; n < ${THREADS}; n++) spawn(worker, n);
  let added = 0;
  for (let n = 0; n < ${THREADS}; n++) added += join(n + 2);
  const expected = ${2 * THREADS * ROUNDS} + load<i32>(handled);
  printNumber(counterSum(counter) - expected);
  printNumber(counterSum(limited) - added);
  return 0;
}`;

function machineOf(abi: AbiName): Omit<HostOptions, 'wasm'> {
  return { cpus: abi === 'ras' ? 1 : 3, quantum: 97, fuelLimit: 5e6 };
}

const BUILDS = [
  { metering: 'instruction', optimizeLevel: 3 },
  { metering: 'block', optimizeLevel: 3 },
  { metering: 'instruction', optimizeLevel: 0 },
] as const;

describe.each(ABI_NAMES)('%s', (abi) => {
  describe.each(BUILDS)('$metering metering, -O$optimizeLevel', (build) => {
    test.each(SEEDS)(
      'counts exactly under preemption, migration and signals, seed %i',
      async (seed) => {
        const program = await compileSource(SOURCE, { ...build, abi });
        const host = await bootProgram(program, { ...machineOf(abi), seed });

        const result = host.run();

        expect(result.failure).toBeUndefined();
        expect(host.printed).toEqual(['0', '0']);
        expect(result.preemptions).toBeGreaterThan(50);
        expect(result.signals).toBeGreaterThan(10);
        // percpu's kernel moves no ip: its threads go back by themselves.
        if (abi === 'percpu-signal') expect(result.restarts).toBe(0);
        else expect(result.restarts).toBeGreaterThan(5);
      },
    );
  });

  test('a run is the same twice', async () => {
    const program = await compileSource(SOURCE, { abi });
    const run = async () => (await bootProgram(program, { ...machineOf(abi), seed: 7 })).run();

    expect(await run()).toEqual(await run());
  });

  test('register() again is 0', async () => {
    const source = `import { rseq } from 'wasm-rseq/assembly';
let word: usize = memory.data(8);
function touch(): void { rseq.restart(); rseq.start(); store<i32>(word, rseq.cpuId()); rseq.end(); }
export function main(): i32 {
  if (rseq.register() != 0) return 1;
  touch();
  return rseq.register();
}`;
    const host = await bootProgram(await compileSource(source, { abi }));

    expect(host.run().ok).toBe(true);
  });
});

describe('a kernel of another ABI', () => {
  const other: Readonly<Record<AbiName, AbiName>> = {
    turner: 'linux',
    google: 'ras',
    'event-counter': 'turner',
    'percpu-signal': 'linux-v2',
    linux: 'percpu-signal',
    'linux-v2': 'event-counter',
    ras: 'google',
  };

  test.each(ABI_NAMES)('refuses a module compiled for %s', async (abi) => {
    const { wasm } = await compileSource(SOURCE, { abi });

    const creating = createHost({ wasm: wasm as BufferSource, abi: other[abi] });

    await expect(creating).rejects.toThrow(OptionError);
    await expect(creating).rejects.toThrow(
      `abi ${other[abi]} cannot run a module whose sections are compiled for ${abi}`,
    );
  });

  test.each<[AbiName, AbiName[]]>([
    ['turner', ['google']],
    ['google', ['turner']],
    ['linux', ['linux-v2']],
    ['turner', ['linux', 'turner']],
    ['linux', ['linux', 'google']],
  ])('runs one compiled for %s when it speaks %s', async (abi, spoken) => {
    const program = await compileSource(SOURCE, { abi });
    const host = await bootProgram(program, { ...machineOf(abi), abi: spoken });

    expect(host.run().ok).toBe(true);
    expect(host.printed).toEqual(['0', '0']);
  });

  test.each([
    [['linux', 'ras']],
    [['turner', 'google']],
    [['event-counter', 'turner']],
    [['linux', 'turner', 'google']],
    [['linux', 'linux']],
  ] as AbiName[][][])('%s are never two at once', async (abi = []) => {
    const { wasm } = await compileSource('export function main(): i32 { return memory.size(); }');

    await expect(createHost({ wasm: wasm as BufferSource, abi })).rejects.toThrow(OptionError);
  });

  test('an unknown name is one clear error', async () => {
    const { wasm } = await compileSource(SOURCE);

    await expect(
      createHost({ wasm: wasm as BufferSource, abi: 'solaris' as AbiName }),
    ).rejects.toThrow(/^abi solaris must be one of turner, google, event-counter, /);
  });
});

/** A program of `count` sections that returns what register() does. */
function sections(count: number): string {
  return `import { rseq } from 'wasm-rseq/assembly';
let words: usize = memory.data(1024);
${Array.from(
  { length: count },
  (_, n) => `export function touch${n}(): void {
  rseq.restart(); rseq.start(); store<i32>(words, ${n}, ${n * 8}); rseq.end();
}`,
).join('\n')}
export function main(): i32 { return rseq.register(); }`;
}

describe('ras', () => {
  test.each([
    [1, 0],
    [16, 0],
    [17, -22],
  ])('takes 16 sequences: %i sections register with %i', async (count, result) => {
    const host = await bootProgram(await compileSource(sections(count), { abi: 'ras' }));

    expect(host.run().exitCode).toBe(result);
  });

  test('makes no claim for more than one CPU', async () => {
    const host = await bootProgram(await compileSource(sections(1), { abi: 'ras' }), { cpus: 2 });

    expect(host.run().exitCode).toBe(-95);
  });
});
