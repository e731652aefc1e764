// npm run bench:malloc replays every trace on every allocator. Nothing here is about time.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

interface Row {
  readonly trace: string;
  readonly allocator: string;
  readonly threads: number;
  readonly nsPerRecord: number | null;
  readonly peakHeap: number | null;
  readonly peakLive: number;
  readonly ok: boolean | null;
  readonly reason?: string;
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

const TRACES = ['cc1plus-prefix', 'git-repack-prefix', 'python-json-prefix'];
const NATIVE = ['native glibc', 'native tcmalloc', 'native jemalloc', 'native mimalloc'];

function bench(args: readonly string[], env: NodeJS.ProcessEnv = {}): Printed {
  const command = [resolve('bench/malloc.js'), ...args];
  const result = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const { status: code, stdout, stderr } = result;
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  const { rows = [], bars = [] } = last.startsWith('{') ? JSON.parse(last) : {};
  return { code, stdout, stderr, rows, bars };
}

describe('bench:malloc --quick', () => {
  let printed: Printed;
  beforeAll(() => {
    printed = bench(['--quick', '--json']);
  }, 120_000);

  test('ends well, and says which traces it took', () => {
    expect({ code: printed.code, stderr: printed.stderr }).toEqual({ code: 0, stderr: '' });
    expect(printed.stdout).toContain('examples/malloc-replay/traces');
  });

  test('has every allocator on one thread, and ours checked on 4 and 16', () => {
    for (const trace of TRACES) {
      const rows = printed.rows.filter((row) => row.trace === trace);
      expect(rows.map(({ allocator, threads }) => [allocator, threads])).toEqual([
        ...['percpu', 'TLSF', ...NATIVE].map((name) => [name, 1]),
        ['percpu', 4],
        ['percpu', 16],
      ]);
    }
  });

  test('gives every row its numbers, or the reason why there are none', () => {
    for (const row of printed.rows) {
      expect(row.peakLive).toBeGreaterThan(100_000);
      if (row.ok === null) {
        expect(NATIVE).toContain(row.allocator);
        expect(row).toMatchObject({ nsPerRecord: null, reason: expect.any(String) });
        continue;
      }
      expect(row.ok).toBe(true);
      if (row.threads === 1) expect(row.nsPerRecord).toBeGreaterThan(0);
      else expect(row.nsPerRecord).toBeNull();
      if (!NATIVE.includes(row.allocator)) expect(row.peakHeap).toBeGreaterThan(row.peakLive);
    }
  });

  test('judges no bar', () => {
    expect(printed.bars).toHaveLength(TRACES.length * 4);
    for (const bar of printed.bars) {
      expect(bar).toMatchObject({ pass: null, reason: expect.any(String) });
      expect(bar.bar).toMatch(/^<= [\d.]+$/);
    }
  });

  test('finds the peak of the heap on many threads within its bar', () => {
    const heaps = printed.bars.filter(({ name }) => name.includes('peak heap'));

    expect(heaps).toHaveLength(TRACES.length * 2);
    for (const { value } of heaps) expect(value).toBeLessThanOrEqual(1);
  });
});

describe('bench:malloc', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-traces-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('takes the traces of a folder, that --filter names, and judges them', () => {
    copyFileSync(
      'examples/malloc-replay/traces/python-json-prefix.mtr.gz',
      join(folder, 'one.mtr.gz'),
    );
    copyFileSync('examples/malloc-replay/traces/cc1plus-prefix.mtr.gz', join(folder, 'two.mtr.gz'));

    for (const named of [[folder], ['--traces', folder]]) {
      const args = ['--rounds', '1', '--filter', 'one', '--json', ...named];
      const { code, stdout, rows, bars } = bench(args);
      expect(code).toBe(0);
      expect(new Set(rows.map(({ trace }) => trace))).toEqual(new Set(['one']));
      expect(bars.find(({ name }) => name === 'one: percpu / TLSF')?.pass).toEqual(
        expect.any(Boolean),
      );
      expect(stdout).not.toContain('examples/malloc-replay/traces');
    }
  });

  test('says so when there is no C compiler', () => {
    const args = ['--quick', '--json', '--filter', 'python'];
    const { code, rows } = bench(args, { PATH: '' });

    expect(code).toBe(0);
    const native = rows.filter(({ allocator }) => allocator.startsWith('native'));
    expect(native.map(({ reason }) => reason)).toEqual(native.map(() => 'no C compiler (cc)'));
    expect(rows.filter(({ ok }) => ok === null)).toEqual(native);
  });

  test('refuses what is no trace', () => {
    const bad = mkdtempSync(join(folder, 'bad'));
    writeFileSync(join(bad, 'x.mtr.gz'), 'nothing');

    const { code, stdout, stderr } = bench([bad]);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('x.mtr.gz');
  });

  test.each([
    ['--filter', '('],
    ['--filter', 'no such trace'],
    ['--rounds', '0'],
    ['--slow', ''],
    ['no-such-folder', ''],
    ['one-folder', 'and-another'],
    ['src', ''],
  ])('refuses %s %s', (...args) => {
    const { code, stdout, stderr } = bench(args.filter((arg) => arg !== ''));

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('usage: npm run bench:malloc');
  });
});
