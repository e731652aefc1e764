// The runtime percpu: AssemblyScript programs whose threads all make objects, on percpu/malloc; arenas; what
// the runtimes of asc do instead; and how the runtime is chosen.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import { RuntimeError, type Runtime } from '../../src/toolchain/index.js';
import { bootSource, compileSource } from '../guests/compile.js';

const SEEDS = [1, 2, 3];
const THREADS = 8;

/** Classes, maps, strings, arrays and a sort that calls back, on every thread; all must come to the same. */
const CROWD = `
import { join, nrThreads, printNumber, rseq, spawn } from 'wasm-rseq/assembly';
class Word {
  constructor(public key: i32, public text: string) {}
}
function work(first: usize): i32 {
  rseq.register();
  const counts = new Map<string, i32>();
  for (let n = 0; n < 60; n++) {
    const key = 'k' + (n % 17).toString();
    counts.set(key, (counts.has(key) ? counts.get(key) : 0) + n);
  }
  const keys = counts.keys();
  let sum = 0;
  for (let n = 0; n < keys.length; n++) sum += counts.get(keys[n]) * (n + 1);
  const words = new Array<Word>();
  for (let n = 0; n < 30; n++) words.push(new Word((n * 7) % 31, n.toString()));
  words.sort((a, b) => b.key - a.key);
  let text = '';
  for (let n = 0; n < words.length; n++) text += words[n].text;
  for (let n = 0; n < text.length; n++) sum = sum * 31 + text.charCodeAt(n);
  return sum & 0x3fffffff;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  const expected = work(0);
  const tids = new Array<i32>();
  for (let n = 0; n < nrThreads(); n++) tids.push(spawn(work, n));
  for (let n = 0; n < tids.length; n++) {
    if (join(tids[n]) != expected) return 1;
  }
  printNumber(expected);
  return 0;
}
`;

/** What CROWD prints, computed here. */
function expectedOfCrowd(): number {
  const counts = new Map<string, number>();
  for (let n = 0; n < 60; n++) counts.set(`k${n % 17}`, (counts.get(`k${n % 17}`) ?? 0) + n);
  let sum = [...counts.values()].reduce((all, count, n) => all + count * (n + 1), 0);
  const words = Array.from({ length: 30 }, (_, n) => ({ key: (n * 7) % 31, text: String(n) }));
  const text = words
    .sort((a, b) => b.key - a.key)
    .map((word) => word.text)
    .join('');
  for (const letter of text) sum = (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0;
  return sum & 0x3fffffff;
}

interface Ran {
  readonly result: Result;
  readonly printed: string;
}

async function run(
  source: string,
  { abi, runtime, ...options }: Omit<HostOptions, 'wasm'> & { abi?: AbiName; runtime?: Runtime },
): Promise<Ran> {
  const compile = { ...(abi !== undefined && { abi }), ...(runtime !== undefined && { runtime }) };
  const cpus = abi === 'ras' ? 1 : 4;
  const settings = { cpus, threads: THREADS, quantum: 61, fuelLimit: 2e7, ...options };
  const host = await bootSource(`// @ts-nocheck AssemblyScript\n${source}`, settings, compile);
  return { result: host.run(), printed: host.printed.join('\n') };
}

describe('objects made on many threads', () => {
  describe.each(ABI_NAMES)('on %s', (abi) => {
    test.each(SEEDS)('are what they are on one, seed %i', async (seed) => {
      const { result, printed } = await run(CROWD, { abi, runtime: 'percpu', seed });

      expect(result.failure).toBeUndefined();
      expect(printed).toBe(String(expectedOfCrowd()));
    });
  });

  test('are made in sections that are interrupted', async () => {
    const { result } = await run(CROWD, { runtime: 'percpu', quantum: 17 });

    expect(result.failure).toBeUndefined();
    expect(result.restarts).toBeGreaterThan(100);
  });

  test.each(['stub', 'minimal'] as const)('break on the runtime %s', async (runtime) => {
    const runs = await Promise.all(SEEDS.map((seed) => run(CROWD, { runtime, seed })));

    expect(runs.map(({ result }) => result.ok)).toContain(false);
  });
});

/** Threads that make objects of `bytes` bytes until there is no memory. */
const hoard = (bytes: number): string => `
import { join, nrThreads, rseq, spawn } from 'wasm-rseq/assembly';
function work(n: usize): i32 {
  rseq.register();
  let objects = 0;
  while (true) {
    const buffer = new StaticArray<u8>(${bytes});
    buffer[0] = 1;
    objects += buffer[0];
  }
  return objects;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  const tids = new StaticArray<i32>(nrThreads());
  for (let n = 0; n < nrThreads(); n++) tids[n] = spawn(work, n);
  for (let n = 0; n < nrThreads(); n++) join(tids[n]);
  return 0;
}
`;

describe('an object', () => {
  test('is zero, aligned to 16, and keeps its contents when it grows', async () => {
    const { result } = await run(
      `
import { rseq } from 'wasm-rseq/assembly';
class Big { a: u64; b: u64; c: u64; d: u64; e: u64; }
function dirty(bytes: usize): void {
  const block = heap.alloc(bytes);
  memory.fill(block, 0xff, bytes);
  heap.free(block);
}
function isZero(address: usize, bytes: usize): bool {
  for (let at: usize = 0; at < bytes; at++) if (load<u8>(address + at) != 0) return false;
  return true;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  for (let bytes: usize = 1; bytes < 200_000; bytes += bytes / 3 + 1) {
    for (let n = 0; n < 4; n++) dirty(bytes + 16);
    const object = __new(bytes, 7);
    assert((object & 15) == 0, 'aligned');
    assert(isZero(object, bytes), 'zero');
    assert(load<u32>(object - 4) == bytes && load<u32>(object - 8) == 7, 'header');
    memory.fill(object, 0x5a, bytes);
    const grown = __renew(object, bytes * 3);
    for (let at: usize = 0; at < bytes; at++) assert(load<u8>(grown + at) == 0x5a, 'contents');
    assert(load<u32>(grown - 4) == bytes * 3 && load<u32>(grown - 8) == 7, 'header of grown');
    assert((heap.alloc(bytes) & 15) == 0, 'block aligned');
  }
  const big = new Big();
  assert(isZero(changetype<usize>(big), offsetof<Big>()));
  return 0;
}
`,
      { runtime: 'percpu', quantum: 10_000, fuelLimit: 2e8 },
    );

    expect(result.failure).toBeUndefined();
  });

  test('that finds no memory is the end of the program, also among many threads', async () => {
    for (const bytes of [100, 5000, 100_000]) {
      const options = { runtime: 'percpu', memoryLimit: 40, quantum: 997 } as const;
      const { result } = await run(hoard(bytes), options);
      expect([bytes, result.failure]).toMatchObject([bytes, { signal: 'SIGILL' }]);
    }
  });

  test('that shall grow to more than there can be is too', async () => {
    const source = `export function main(): i32 {
  return heap.realloc(heap.alloc(100), usize.MAX_VALUE) == 0 ? 1 : 0;
}`;

    const { result } = await run(source, { runtime: 'percpu' });

    expect(result.failure).toMatchObject({ signal: 'SIGILL' });
  });
});

const ARENA_IMPORTS = `
import { join, nrThreads, rseq, spawn } from 'wasm-rseq/assembly';
import { arenaCreate, arenaEnter, arenaFree } from 'wasm-rseq/assembly/arena';
import { mallocHeapBytes } from 'wasm-rseq/assembly/percpu/malloc';
function fill(turns: i32): i32 {
  const words = new Array<string>();
  for (let n = 0; n < turns; n++) words.push('word ' + n.toString());
  let bytes = 0;
  for (let n = 0; n < turns; n++) bytes += words[n].length;
  assert(words[turns - 1] == 'word ' + (turns - 1).toString());
  return bytes;
}
`;

describe('an arena', () => {
  test('frees many objects at once: the heap does not grow over rounds', async () => {
    const { result } = await run(
      `${ARENA_IMPORTS}
function round(): i32 {
  const arena = arenaCreate();
  const before = arenaEnter(arena);
  const bytes = fill(200);
  arenaEnter(before);
  arenaFree(arena);
  return bytes;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  const bytes = round();
  const heap = mallocHeapBytes();
  for (let n = 0; n < 50; n++) assert(round() == bytes);
  assert(mallocHeapBytes() == heap, 'the heap has grown');
  return 0;
}
`,
      { runtime: 'percpu', quantum: 10_000, fuelLimit: 1e8 },
    );

    expect(result.failure).toBeUndefined();
  });

  test('is entered inside of another one, and left again', async () => {
    const { result } = await run(
      `${ARENA_IMPORTS}
export function main(): i32 {
  assert(rseq.register() == 0);
  const outer = arenaCreate();
  const inner = arenaCreate();
  assert(arenaEnter(outer) == 0);
  const kept = 'kept ' + fill(10).toString();
  assert(arenaEnter(inner) == outer);
  fill(500);
  assert(arenaEnter(outer) == inner);
  arenaFree(inner);
  fill(100);
  assert(kept == 'kept ' + fill(10).toString(), 'the outer one has lost a string');
  assert(arenaEnter(0) == outer);
  const free = 'free ' + fill(10).toString();
  arenaFree(outer);
  for (let n = 0; n < 20; n++) fill(20);
  assert(free == 'free ' + fill(10).toString(), 'what is in no arena has been freed with one');
  return 0;
}
`,
      { runtime: 'percpu', quantum: 10_000, fuelLimit: 1e8 },
    );

    expect(result.failure).toBeUndefined();
  });

  test('an array that was made outside keeps what it has when it grows inside', async () => {
    const { result } = await run(
      `${ARENA_IMPORTS}
export function main(): i32 {
  assert(rseq.register() == 0);
  const numbers = new Array<i32>();
  for (let n = 0; n < 20; n++) numbers.push(n);
  const arena = arenaCreate();
  arenaEnter(arena);
  for (let n = 20; n < 2000; n++) numbers.push(n);
  for (let n = 0; n < 2000; n++) assert(numbers[n] == n);
  arenaEnter(0);
  arenaFree(arena);
  return 0;
}
`,
      { runtime: 'percpu', quantum: 10_000 },
    );

    expect(result.failure).toBeUndefined();
  });

  test.each(SEEDS)('is of one thread: each has its own, seed %i', async (seed) => {
    const { result } = await run(
      `${ARENA_IMPORTS}
function work(thread: usize): i32 {
  rseq.register();
  let bytes = 0;
  for (let n = 0; n < 5; n++) {
    const arena = arenaCreate();
    assert(arenaEnter(arena) == 0, 'a thread begins in no arena');
    bytes += fill(10 + <i32>thread);
    arenaEnter(0);
    arenaFree(arena);
    fill(3);
  }
  return bytes;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  arenaEnter(arenaCreate());
  const tids = new Array<i32>();
  for (let n = 0; n < nrThreads(); n++) tids.push(spawn(work, n));
  for (let n = 0; n < nrThreads(); n++) {
    if (join(tids[n]) != 5 * fill(10 + n)) return 1;
  }
  return 0;
}
`,
      { runtime: 'percpu', seed },
    );

    expect(result.failure).toBeUndefined();
  });
});

describe('the choice of a runtime', () => {
  const MALLOC = `// @ts-nocheck AssemblyScript
import { rseq } from 'wasm-rseq/assembly';
import { free, malloc } from 'wasm-rseq/assembly/percpu/malloc';
export function main(): i32 {
  assert(rseq.register() == 0);
  const text = 'object ' + rseq.cpuId().toString();
  const block = malloc(100);
  free(block);
  return block != 0 && text.length == 8 ? 0 : 1;
}
`;

  test('is percpu for a program that imports percpu/malloc', async () => {
    const chosen = await compileSource(MALLOC, { runtime: 'percpu' });
    const implied = await compileSource(MALLOC);

    expect(implied).toEqual(chosen);
    expect((await (await bootSource(MALLOC)).run()).failure).toBeUndefined();
  });

  test.each(['stub', 'minimal'] as const)(
    'of %s is refused for such a program',
    async (runtime) => {
      const compiling = compileSource(MALLOC, { runtime });

      await expect(compiling).rejects.toThrow(RuntimeError);
      await expect(compiling).rejects.toThrow(/percpu\/malloc needs the runtime percpu/);
    },
  );

  test('is stub for any other', async () => {
    const source = `// @ts-nocheck
export function main(): i32 { return new StaticArray<i32>(4).length - 4; }`;

    expect(await compileSource(source)).toEqual(await compileSource(source, { runtime: 'stub' }));
  });

  test('can be made with asc alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-asc-'));
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'main.ts'), CROWD);
    const runtime = './node_modules/wasm-rseq/assembly/runtime';
    const options = ['--runtime', runtime, '--transform', 'wasm-rseq/transform', '-o', 'main.wasm'];
    const asc = [resolve('node_modules/assemblyscript/bin/asc.js'), 'main.ts', ...options];

    const { status, stderr } = spawnSync(process.execPath, asc, { cwd: folder, encoding: 'utf8' });

    expect([status, stderr]).toEqual([0, '']);
    const wasm = readFileSync(join(folder, 'main.wasm'));
    rmSync(folder, { recursive: true });
    const host = await createHost({ wasm, threads: THREADS, quantum: 61, fuelLimit: 2e7 });
    expect(host.run().failure).toBeUndefined();
  });
});
