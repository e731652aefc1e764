// npm run bench runs every rival of every group, and all of them come to the right result. Nothing here
// is about time: a run with --quick does too little for that.

import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createHost } from '../../src/host/index.js';
import { compileProgram } from '../../src/toolchain/index.js';

interface Row {
  readonly group: string;
  readonly name: string;
  readonly ns: number | null;
  readonly spread: number | null;
  readonly ratio: number | null;
  readonly reason?: string;
  readonly checksum?: number;
  readonly preemptions?: number;
  readonly restarts?: number;
  readonly bytes?: number;
}

interface Bar {
  readonly name: string;
  readonly value: number | null;
  readonly bar: string;
  readonly pass: boolean | null;
  readonly reason?: string;
}

interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly rows: readonly Row[];
  readonly bars: readonly Bar[];
}

const STRUCTURES = ['counter', 'list', 'lock', 'ring', 'hash'];
const PROGRAMS = ['sha256', 'json', 'nbody', 'matmul', 'quicksort', 'btree'];
const TOO_BIG = ['100000 threads', '1000000 threads'];

function bench(args: readonly string[], env: NodeJS.ProcessEnv = {}): Printed {
  const command = [resolve('bench/run.js'), ...args];
  const result = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
    env: { ...process.env, ...env },
  });
  const { status: code, stdout, stderr } = result;
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  const { rows = [], bars = [] } = last.startsWith('{') ? JSON.parse(last) : {};
  return { code, stdout, stderr, rows, bars };
}

function named(rows: readonly Row[], group: string): string[] {
  return rows.filter((row) => row.group === group).map(({ name }) => name);
}

describe('bench --quick', () => {
  let printed: Printed;
  beforeAll(() => {
    printed = bench(['--quick', '--json']);
  }, 300_000);

  test('ends well', () => {
    expect({ code: printed.code, stderr: printed.stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('has every rival of every structure, in both forms', () => {
    for (const form of ['latency', 'throughput']) {
      for (const structure of STRUCTURES) {
        expect(named(printed.rows, `${structure} ${form}`)).toEqual([
          'section',
          'unprotected',
          'atomic',
          'lock',
          'plain wasm unprotected',
          'plain wasm atomic',
          'native unprotected',
          'native rseq',
          'native atomic',
          'native lock',
        ]);
      }
    }
  });

  test('has the other groups', () => {
    const groups = new Set(printed.rows.map(({ group }) => group));

    expect([...groups].filter((group) => !/latency|throughput|compute/.test(group))).toEqual([
      'instruction',
      'abi',
      'cpu',
      'switch',
      'calls fibonacci',
      'build counter',
      'build wordcount',
      'threads',
    ]);
  });

  test('gives every row its time, or the reason why there is none', () => {
    for (const row of printed.rows) {
      if (row.ns === null) {
        expect(row).toMatchObject({ spread: null, ratio: null, reason: expect.any(String) });
        expect(row.name.startsWith('native') || TOO_BIG.includes(row.name)).toBe(true);
        continue;
      }
      expect(row.ns).toBeGreaterThan(0);
      expect(row.spread).toBeGreaterThanOrEqual(1);
      expect(row.ratio).toBeGreaterThan(0);
    }
  });

  test('compares every group to its first rival', () => {
    const groups = new Set(printed.rows.map(({ group }) => group));

    for (const group of groups) {
      const [first] = printed.rows.filter((row) => row.group === group);
      expect([group, first?.ratio]).toEqual([group, 1]);
    }
  });

  test('comes to the same checksum with and without our transform', () => {
    for (const group of [...PROGRAMS.map((name) => `compute ${name}`), 'calls fibonacci']) {
      const [plain, ours] = printed.rows.filter((row) => row.group === group);
      expect(plain?.checksum).toEqual(expect.any(Number));
      expect([group, ours?.checksum]).toEqual([group, plain?.checksum]);
    }
  });

  test('switches threads, and restarts those that are always in a section', () => {
    const [, loops, sections] = printed.rows.filter(({ group }) => group === 'switch');

    expect(loops?.preemptions).toBeGreaterThan(1000);
    expect(loops?.restarts).toBe(0);
    expect(sections?.restarts).toBeGreaterThan(0.9 * (sections?.preemptions ?? 0));
  });

  test('preempts every one of 1000 threads', () => {
    const row = printed.rows.find(({ name }) => name === '1000 threads');

    expect(row?.preemptions).toBeGreaterThanOrEqual(3000);
    expect(row?.bytes).toBeGreaterThan(0);
  });

  test('judges no bar', () => {
    expect(printed.bars.length).toBeGreaterThan(0);
    for (const bar of printed.bars) {
      expect(bar.bar).toMatch(/^(<=|>=) [\d.]+$/);
      expect(bar).toMatchObject({ pass: null, reason: expect.any(String) });
    }
  });
});

describe('bench', () => {
  test('runs only the groups that --filter names, and has no bar for the others', () => {
    const { code, rows, bars } = bench(['--quick', '--json', '--filter', '^cpu$']);

    expect(code).toBe(0);
    expect(rows.map(({ name }) => name)).toEqual(['thread pointer', 'per-CPU base']);
    expect(new Set(bars.map(({ value, reason }) => `${value} ${reason}`))).toEqual(
      new Set(['null not run']),
    );
  });

  test('says so when there is no C compiler', () => {
    const filter = ['--filter', '^counter latency$'];
    const { code, rows } = bench(['--quick', '--json', ...filter], { PATH: '' });

    expect(code).toBe(0);
    const native = rows.filter(({ name }) => name.startsWith('native'));
    expect(native.map(({ reason }) => reason)).toEqual(native.map(() => 'no C compiler (cc)'));
    expect(rows.filter(({ ns }) => ns === null)).toEqual(native);
  });

  test.each([
    ['--filter', '('],
    ['--filter', 'no such group'],
    ['--rounds', '0'],
    ['--slow', ''],
  ])('refuses %s %s', (...args) => {
    const { code, stdout, stderr } = bench(args.filter((arg) => arg !== ''));

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('usage: npm run bench');
  });
});

describe('a guest', () => {
  // Throughput goes by eights, so twelve turns are sixteen.
  test.each(['counter', 'lock'])('%s knows how often it ran', async (name) => {
    const file = `bench/guests/${name}.ts`;
    const cacheFolder = join(tmpdir(), 'wasm-rseq-tests', 'cache');
    const { wasm } = await compileProgram(resolve(file), { metering: 'block', cacheFolder });
    const run = async (turns: string): Promise<number | null> => {
      const args = ['section', 'throughput', turns];
      const host = await createHost({ wasm: wasm as BufferSource, args });
      return host.run().exitCode;
    };

    expect([await run('16'), await run('12')]).toEqual([0, 1]);
  });
});
