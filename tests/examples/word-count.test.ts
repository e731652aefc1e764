import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  compare,
  compileWay,
  countOnCpus,
  countPlainly,
  type Program,
  type RunOptions,
  total,
  WAYS,
} from '../../examples/wordcount/count.js';

const PROSE = readFileSync(path('node_modules/typescript/LICENSE'));
const SEEDS = [1, 2, 3, 4, 5, 6];
const CROWD: RunOptions = { cpus: 2, threads: 6, quantum: 150 };

const programs = new Map<string, Program>();

beforeAll(async () => {
  for (const way of WAYS) programs.set(way.name, await compileWay(way));
});

async function difference(way: string, input: Uint8Array, options: RunOptions) {
  const { counts, result } = await countOnCpus(programs.get(way) as Program, input, options);
  return { ...compare(countPlainly(input), counts), result };
}

describe.each(['sections', 'atomics'])('words counted with %s', (way) => {
  test.each(SEEDS)('equal a plain count under random preemption, seed %i', async (seed) => {
    const { lost, wrongWords, result } = await difference(way, PROSE, { ...CROWD, seed });

    expect({ lost, wrongWords }).toEqual({ lost: 0, wrongWords: 0 });
    expect(result.preemptions).toBeGreaterThan(100);
    expect(result.restarts > 0).toBe(way === 'sections');
  });

  test('are each counted by the thread in whose part they begin', async () => {
    const input = new TextEncoder().encode('a bb ccc, déjà-vu; a dddddddddddddddddddddddddddd z');

    for (const threads of [1, 2, 3, 7, 60]) {
      expect(await difference(way, input, { threads, seed: threads })).toMatchObject({
        lost: 0,
        wrongWords: 0,
      });
    }
  });

  test('are all there when the first tables are too small for them', async () => {
    const input = new TextEncoder().encode(differentWords(3000));

    const { lost, wrongWords } = await difference(way, input, CROWD);

    expect(countPlainly(input).size).toBe(3000);
    expect({ lost, wrongWords }).toEqual({ lost: 0, wrongWords: 0 });
  });

  test('of an empty input are none', async () => {
    expect(await difference(way, new Uint8Array(), CROWD)).toMatchObject({
      lost: 0,
      wrongWords: 0,
    });
  });
});

describe('words counted without labels', () => {
  test('get lost under random preemption', async () => {
    const losses: number[] = [];
    for (const seed of SEEDS) {
      losses.push((await difference('no labels', PROSE, { ...CROWD, seed })).lost);
    }

    expect(Math.max(...losses)).toBeGreaterThan(0);
    expect(Math.min(...losses)).toBeGreaterThanOrEqual(0);
  });

  test('are all there when no thread is interrupted', async () => {
    const { lost, result } = await difference('no labels', PROSE, { ...CROWD, quantum: 2 ** 29 });

    expect(result.preemptions).toBe(0);
    expect(lost).toBe(0);
  });
});

describe('compare', () => {
  test('finds a count that is lost, and one that went to another word', () => {
    const expected = new Map(Object.entries({ one: 1, two: 2, three: 3 }));
    const counts = new Map(Object.entries({ one: 2, two: 1, three: 2 }));

    expect(compare(expected, counts)).toEqual({ lost: 1, wrongWords: 3 });
    expect(total(expected)).toBe(6);
  });
});

describe('npm start', () => {
  test('counts a real file of over 1 MB: sections and atomics exact, no labels wrong', () => {
    const { status, stdout, stderr } = wordCount('--json');

    const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(report.bytes).toBeGreaterThan(1_000_000);
    expect(report.rows.map(({ lost }: { lost: number }) => lost > 0)).toEqual([false, true, false]);
  });

  test('fails when the count without labels comes out exact', () => {
    const { status, stderr } = wordCount(path('package.json'), '--threads', '1');

    expect(status).toBe(1);
    expect(stderr).toMatch(/^word-count: no labels: exact, .*\n$/);
  });

  test.each([
    [['no-such-file']],
    [['one', 'two']],
    [['--unknown']],
    [['--seed', 'x']],
    [['--cpus', '0']],
  ])('refuses %j with one line and status 2', (args) => {
    const { status, stdout, stderr } = wordCount(...args);

    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^word-count: .+\n$/);
  });
});

function wordCount(...args: string[]) {
  return spawnSync(process.execPath, [path('examples/wordcount/main.js'), ...args], {
    encoding: 'utf8',
  });
}

function path(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

function differentWords(count: number): string {
  return Array.from({ length: count }, (_, n) => letter(n / 676) + letter(n / 26) + letter(n)).join(
    ' ',
  );
}

function letter(n: number): string {
  return String.fromCharCode(0x61 + (n % 26));
}
