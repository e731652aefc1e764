// npm run bench:check runs every program, and all are proven. Nothing here is about time.

import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

interface Row {
  readonly name: string;
  readonly by: string;
  readonly verdict: string | null;
  readonly states: number | null;
  readonly transitions: number | null;
  readonly seconds: number | null;
  readonly rate: number | null;
  readonly ratio: number | null;
  readonly bar?: string;
  readonly pass?: boolean | null;
  readonly reason?: string;
}

interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly rows: readonly Row[];
}

const RIVALS = ['spin'];

function bench(args: readonly string[], env: NodeJS.ProcessEnv = {}): Printed {
  const command = [resolve('bench/check.js'), ...args];
  const result = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const { status: code, stdout, stderr } = result;
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  const { rows = [] } = last.startsWith('{') ? JSON.parse(last) : {};
  return { code, stdout, stderr, rows };
}

describe('bench:check --quick', () => {
  let printed: Printed;
  beforeAll(() => {
    printed = bench(['--quick', '--json']);
  }, 120_000);

  test('ends well', () => {
    expect({ code: printed.code, stderr: printed.stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('has a first and a second call of every program, and SPIN for one', () => {
    const names = [...new Set(printed.rows.map(({ name }) => name))];

    expect(names).toHaveLength(5);
    for (const name of names) {
      const by = printed.rows.filter((row) => row.name === name).map((row) => row.by);
      expect(by.slice(0, 2)).toEqual(['first call', 'second call']);
      expect(by.slice(2)).toEqual(name === 'sections, 3 threads x 8' ? RIVALS : []);
    }
  });

  test('gives every row its numbers, or the reason why there are none', () => {
    for (const row of printed.rows) {
      if (row.seconds === null) {
        expect(row).toMatchObject({ verdict: null, reason: expect.any(String) });
        expect(RIVALS).toContain(row.by);
        continue;
      }
      expect(row.verdict).toBe('proven');
      expect(row.states).toBeGreaterThan(100);
      expect(row.transitions).toBeGreaterThan(row.states as number);
      for (const value of [row.seconds, row.rate, row.ratio]) expect(value).toBeGreaterThan(0);
    }
  });

  test('finds as many states in a second call', () => {
    for (const { name, states } of printed.rows.filter(({ by }) => by === 'first call')) {
      const again = printed.rows.find((row) => row.name === name && row.by === 'second call');
      expect([name, again?.states]).toEqual([name, states]);
    }
  });

  test('judges no bar', () => {
    const bars = printed.rows.filter(({ bar }) => bar !== undefined);

    expect(bars.map(({ bar, pass }) => [bar, pass])).toEqual([
      ['<= 0.05 s', null],
      ['>= 1000000 /s', null],
    ]);
  });
});

describe('bench:check', () => {
  test('says so when SPIN is not installed', () => {
    const { code, rows } = bench(['--quick', '--json', '--filter', '^sections.* 8$'], { PATH: '' });

    expect(code).toBe(0);
    expect(rows.map(({ by, reason }) => [by, reason])).toEqual([
      ['first call', undefined],
      ['second call', undefined],
      ['spin', 'no spin'],
    ]);
  });

  test.each([
    ['--filter', '('],
    ['--filter', 'no such program'],
    ['--rounds', '0'],
    ['--slow', ''],
  ])('refuses %s %s', (...args) => {
    const { code, stdout, stderr } = bench(args.filter((arg) => arg !== ''));

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('usage: npm run bench:check');
  });
});
