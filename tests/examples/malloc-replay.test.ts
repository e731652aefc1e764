// examples/malloc-replay: what real programs asked of their allocators, on percpu/malloc, with every byte of
// every object looked at; and the same without the labels of the slab. Bad traces are refused.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { constants, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { AbiName, Metering } from '../../src/abi/index.js';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import { compileProgram, type CompileOptions } from '../../src/toolchain/index.js';
import { CACHE_FOLDER } from '../guests/compile.js';
import { writeLibrary } from '../guests/variants.js';

const EXAMPLE = 'examples/malloc-replay';
const TRACES = ['cc1plus', 'python-json', 'git-repack'];
const SEEDS = [1, 2];
const CPUS = 4;
const WAYS: readonly [AbiName, Metering][] = [
  ['turner', 'instruction'],
  ['linux', 'block'],
  ['percpu-signal', 'instruction'],
];

/** Of a heap that is small: 32 KiB of records of each CPU, and a span of each class that is partly filled. */
const SMALL_HEAP = CPUS * 32 * 1024 + 256 * 1024;
/** What each CPU keeps at hand. */
const CACHED_BYTES = 64 * 1024;

const ALLOCATE = 1;
const FREE = 2;
const REALLOCATE = 3;
type Call = readonly [op: number, object: number, size: number];

interface Replayed {
  readonly result: Result;
  readonly output: string;
  readonly peakLive: number;
  readonly peakHeap: number;
}

const modules = new Map<string, Promise<WebAssembly.Module>>();

function compile(options: CompileOptions, file: string): Promise<WebAssembly.Module> {
  const key = JSON.stringify([file, options]);
  const made =
    modules.get(key) ??
    compileProgram(resolve(EXAMPLE, file), { cacheFolder: CACHE_FOLDER, ...options }).then(
      ({ wasm }) => WebAssembly.compile(wasm as BufferSource),
    );
  modules.set(key, made);
  return made;
}

async function replay(
  trace: Uint8Array,
  host: Omit<HostOptions, 'wasm'> = {},
  options: CompileOptions = {},
  file = 'main.ts',
): Promise<Replayed> {
  let output = '';
  const booted = await createHost({
    wasm: await compile(options, file),
    cpus: CPUS,
    quantum: 61,
    fuelLimit: 1e8,
    files: { trace },
    args: ['trace'],
    onOutput: (_fd, bytes) => {
      output += new TextDecoder().decode(bytes);
    },
    ...host,
  });
  const result = booted.run();
  const peak = (name: string): number =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(output)?.[1]);
  return { result, output, peakLive: peak('peakLive'), peakHeap: peak('peakHeap') };
}

function packed(name: string): Buffer {
  return readFileSync(`examples/malloc-replay/traces/${name}-prefix.mtr.gz`);
}

function traceOf(calls: readonly Call[], header: Partial<Record<4 | 8, number>> = {}): Buffer {
  const trace = Buffer.alloc(16 + calls.length * 10);
  trace.write('MTR1');
  trace.writeUInt32LE(header[4] ?? calls.length, 4);
  trace.writeUInt32LE(header[8] ?? new Set(calls.map(([, object]) => object)).size, 8);
  calls.forEach(([op, object, size], index) => {
    trace.writeUInt8(op, 16 + index * 10);
    trace.writeUInt32LE(size, 18 + index * 10);
    trace.writeUInt32LE(object, 22 + index * 10);
  });
  return trace;
}

const withByte = (bytes: Buffer, at: number, change: number): Buffer => {
  const changed = Buffer.from(bytes);
  const index = at < 0 ? bytes.length + at : at;
  changed.writeUInt8((changed.readUInt8(index) ^ change) & 0xff, index);
  return changed;
};

const SOME: readonly Call[] = [
  [ALLOCATE, 0, 40],
  [ALLOCATE, 1, 100_000],
  [REALLOCATE, 0, 5000],
  [FREE, 0, 0],
];

describe.each(TRACES)('fixture %s', (name) => {
  test('is a trace: objects numbered as they come, header true of it', () => {
    const trace = gunzipSync(packed(name));

    const sizes = new Map<number, number>();
    let live = 0;
    let peak = 0;
    for (let at = 16; at < trace.length; at += 10) {
      const [op, size, object] = [
        trace.readUInt8(at),
        trace.readUInt32LE(at + 2),
        trace.readUInt32LE(at + 6),
      ];
      expect(op === ALLOCATE ? object === sizes.size : sizes.has(object), `record at ${at}`).toBe(
        true,
      );
      live += size - (sizes.get(object) ?? 0);
      sizes.set(object, size);
      peak = Math.max(peak, live);
    }
    expect(trace.toString('latin1', 0, 4)).toBe('MTR1');
    expect([4, 8, 12].map((at) => trace.readUInt32LE(at))).toEqual([3000, sizes.size, peak]);
    expect(trace.length).toBe(16 + 3000 * 10);
  });

  test('has a peak of live bytes that one thread reaches', async () => {
    const trace = gunzipSync(packed(name));

    const { peakLive } = await replay(trace, { threads: 1 });

    expect(peakLive).toBe(trace.readUInt32LE(12));
  });
});

describe.each(WAYS)('on %s, metering %s', (abi, metering) => {
  describe.each(TRACES)('%s', (name) => {
    test.each([1, 4, 16])(`keeps every byte on %i threads, seeds ${SEEDS}`, async (threads) => {
      const trace = gunzipSync(packed(name));

      for (const seed of SEEDS) {
        const replayed = await replay(trace, { threads, seed }, { abi, metering });
        const { result, peakLive, peakHeap } = replayed;
        expect(result.failure, `seed ${seed}`).toBeUndefined();
        if (threads === 16 && abi !== 'percpu-signal') expect(result.restarts).toBeGreaterThan(100);
        expect(peakHeap).toBeLessThan(1.5 * peakLive + CPUS * CACHED_BYTES + SMALL_HEAP);
      }
    });
  });
});

describe('on another heap', () => {
  test.each(['minimal', 'percpu'] as const)(
    'of runtime %s one thread keeps every byte',
    async (runtime) => {
      const trace = gunzipSync(packed('python-json'));

      const { result } = await replay(trace, { threads: 1 }, { runtime }, 'runtime.ts');

      expect(result.failure).toBeUndefined();
    },
  );

  test('of runtime minimal 16 threads do not', async () => {
    const trace = gunzipSync(packed('python-json'));

    const { result } = await replay(trace, { threads: 16 }, { runtime: 'minimal' }, 'runtime.ts');

    expect(result.ok).toBe(false);
  });
});

describe('without the labels of the slab', () => {
  test('some object loses its bytes on some seed, and none when nothing is interrupted', async () => {
    const trace = gunzipSync(packed('python-json'));
    const options = { libraryFolder: writeLibrary('twin') };

    const failures = [];
    for (const seed of [1, 2, 3]) {
      const { result } = await replay(trace, { threads: 16, seed }, options);
      failures.push(result.failure);
    }
    const alone = await replay(trace, { threads: 1, quantum: 2 ** 29 }, options);

    expect(failures).not.toEqual([undefined, undefined, undefined]);
    expect(alone.result.failure).toBeUndefined();
  });
});

describe('time', () => {
  test('puts a line before and behind each round, and begins each with an empty heap', async () => {
    const trace = packed('cc1plus');

    const one = await replay(trace, { args: ['trace', 'time', '1'] });
    const four = await replay(trace, { args: ['trace', 'time', '4'] });

    expect(one.output).toMatch(/^begin\nend\npeakLive 0\npeakHeap \d+\n$/);
    expect(four.output).toMatch(/^(begin\nend\n){4}peakLive/);
    expect(four.peakHeap).toBeLessThan(1.1 * one.peakHeap);
  });
});

describe('unpacking', () => {
  const trace = traceOf(
    Array.from({ length: 4000 }, (_, n): Call => [ALLOCATE, n, (n * 2654435761) % 997]),
  );

  test.each([
    ['stored', { level: 0 }],
    ['fixed', { strategy: constants.Z_FIXED }],
    ['dynamic', { level: 9 }],
    ['dynamic, without matches,', { strategy: constants.Z_HUFFMAN_ONLY }],
    ['many', { level: 9, memLevel: 1 }],
  ])('%s blocks gives what was packed', async (_, options) => {
    const { result, peakLive } = await replay(gzipSync(trace, options), { threads: 1 });

    const sizes = Array.from({ length: 4000 }, (__, n) => (n * 2654435761) % 997);
    expect(result.failure).toBeUndefined();
    expect(peakLive).toBe(sizes.reduce((sum, size) => sum + size));
  });

  test('a file with extra bytes, a name, a comment and a checksum in its header does, too', async () => {
    const gzip = gzipSync(trace);
    const extras = Buffer.concat([
      Buffer.from([3, 0]),
      Buffer.from('abcname\0comment\0\x12\x34', 'latin1'),
    ]);
    const header = Buffer.from(gzip.subarray(0, 10));
    header[3] = 2 | 4 | 8 | 16;

    const { result } = await replay(Buffer.concat([header, extras, gzip.subarray(10)]), {
      threads: 1,
    });

    expect(result.failure).toBeUndefined();
  });
});

describe('a bad trace', () => {
  const good = gzipSync(traceOf(SOME));
  const DAMAGED = 'damaged gzip file';

  test.each<[string, Buffer, string]>([
    ['that is no trace', Buffer.from('#!/bin/sh\nexit 0\n'), 'does not begin with MTR1'],
    ['that is empty', Buffer.alloc(0), 'does not begin with MTR1'],
    [
      'with another magic in gzip',
      gzipSync(withByte(traceOf(SOME), 3, 3)),
      'does not begin with MTR1',
    ],
    ['with a byte too few', traceOf(SOME).subarray(0, -1), 'another length'],
    [
      'with more records than 32 bits of bytes',
      traceOf(SOME, { 4: 4 + 2 ** 31 }),
      'another length',
    ],
    ['with another number of records', traceOf(SOME, { 4: 5 }), 'another length'],
    ['with more objects than records', traceOf(SOME, { 8: 2 ** 31 }), 'more objects than records'],
    ['with an object number too high', traceOf([[ALLOCATE, 1, 8]]), 'number that is too high'],
    ['with an unknown call', traceOf([[4, 0, 8]]), 'no call of an allocator'],
    ['with a size too large', traceOf([[ALLOCATE, 0, 0xfffffff0]]), 'no memory'],
    ['whose checksum is another', withByte(good, -8, 1), DAMAGED],
    ['whose length is another', withByte(good, -4, 1), DAMAGED],
    ['that would be larger than it can be', withByte(good, -1, 0x7f), DAMAGED],
    ['that is cut short', good.subarray(0, -12), DAMAGED],
    ['with an unknown kind of block', withByte(good, 10, 7 ^ ((good[10] ?? 0) & 7)), DAMAGED],
  ])('%s ends with one clear failure', async (_, trace, why) => {
    const { result, output } = await replay(trace, { threads: 4, fuelLimit: 1e6 });

    expect(result.failure).toMatchObject({ kind: 'signal' });
    expect(`${output}${result.failure?.message}`).toContain(why);
    expect(output).not.toContain('peak');
  });

  test('with any one byte damaged is refused, or is the same trace', async () => {
    for (let at = 2; at < good.length; at++) {
      const { result, output } = await replay(withByte(good, at, 0x55), {
        threads: 1,
        fuelLimit: 1e6,
      });
      const isIgnored = at >= 4 && at < 10;
      expect([at, result.ok], output).toEqual([at, isIgnored]);
    }
  });

  test('that is not there ends with one clear failure', () => {
    const args = ['bin/wasm-rseq.js', 'run', `${EXAMPLE}/main.ts`, '--', 'no-such-trace.mtr.gz'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });

    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('the trace cannot be opened');
  });

  test('is what deflate alone makes: there is no header', async () => {
    const { result } = await replay(deflateRawSync(traceOf(SOME)), { fuelLimit: 1e6 });

    expect(result.ok).toBe(false);
  });
});
