// wasm-rseq inspect: what it shows is the code map, all of it.

import { afterAll, describe, expect, test } from 'vitest';
import { formatMap, formatMapJson } from '../../src/cli/inspect.js';
import type { CodeMap, CodePoint } from '../../src/abi/code-map.js';
import { COUNTER, lastLineJson, wasmRseq, Workspace } from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

function at(name: string, line: number): CodePoint {
  return { function: name, file: 'twice.ts', line };
}

/** Two sections: [0x1000, 0x1001), [0x1002, 0x1004); restarts behind the common handler. */
const TWICE: CodeMap = {
  version: 1,
  metering: 'instruction',
  abi: 'turner',
  memory: { initial: 1, maximum: 0 },
  critical: { start: 0x1000, end: 0x1004, restart: 0x1005 },
  sections: [
    {
      start: 0x1000,
      end: 0x1001,
      restart: 0x1006,
      fuel: 3,
      listing: ['0x1000   i32.store $0 offset=4', '0x1001 end'],
    },
    {
      start: 0x1002,
      end: 0x1004,
      restart: 0x1007,
      fuel: 9,
      listing: [
        '0x1002   i32.load $0',
        '         i32.const 1',
        '0x1003   i32.store $0',
        '0x1004 end',
      ],
    },
  ],
  points: [
    at('push', 10),
    at('push', 11),
    at('pop', 20),
    at('pop', 21),
    at('pop', 22),
    { function: 'rseq.restart', file: '', line: 0 },
    at('push', 9),
    at('pop', 19),
    at('main', 30),
  ],
};

describe('inspect', () => {
  test('shows every section with its place, addresses and fuel', () => {
    const [head, push, pop] = formatMap(TWICE, {}).split('\n');

    expect(head?.split(/ +/)).toEqual([
      'section',
      'function',
      'place',
      'start',
      'end',
      'restart',
      'fuel',
    ]);
    expect(push?.split(/ +/)).toEqual([
      '0',
      'push',
      'twice.ts:10',
      '0x1000',
      '0x1001',
      '0x1006',
      '3',
    ]);
    expect(pop?.split(/ +/)).toEqual([
      '1',
      'pop',
      'twice.ts:20',
      '0x1002',
      '0x1004',
      '0x1007',
      '9',
    ]);
  });

  test('shows every label of a section, and the points between them', () => {
    const [, , pop = ''] = formatMap(TWICE, {}).split(/^section \d\n/m);

    expect(pop.split('\n').slice(1, 5)).toEqual([
      '0x1007  restart  pop (twice.ts:19)',
      '0x1002  start    pop (twice.ts:20)',
      '0x1003           pop (twice.ts:21)',
      '0x1004  end      pop (twice.ts:22)',
    ]);
  });

  test('shows the instructions of a section under their addresses', () => {
    const [, , pop = ''] = formatMap(TWICE, {}).split(/^ip +instruction\n/m);

    expect(pop.split('\n').slice(0, 4)).toEqual([
      '0x1002  i32.load $0',
      '        i32.const 1',
      '0x1003  i32.store $0',
      '0x1004  end',
    ]);
  });

  test('shows the critical range last', () => {
    expect(formatMap(TWICE, {}).split('\n').at(-1)).toBe(
      'critical range [0x1000, 0x1004), restart 0x1005, abi turner',
    );
  });

  test('--points lists every address', () => {
    const [, points = ''] = formatMap(TWICE, { points: true }).split(/^points\n/m);

    const rows = points.split('\n').slice(1);
    expect(rows).toHaveLength(TWICE.points.length);
    expect(rows[5]).toBe('0x1005  rseq.restart');
    expect(rows[8]).toBe('0x1008  main (twice.ts:30)');
  });

  test('--json says the same in numbers', () => {
    const { sections, points } = JSON.parse(formatMapJson(TWICE, { points: true })) as {
      sections: object[];
      points: object[];
    };

    expect(sections[1]).toMatchObject({
      ...TWICE.sections[1],
      index: 1,
      function: 'pop',
      file: 'twice.ts',
      line: 20,
    });
    expect(points[8]).toEqual({ ip: 0x1008, function: 'main', file: 'twice.ts', line: 30 });
    expect(points).toHaveLength(9);
  });

  test('of a .ts file shows its section in the source it was written in', async () => {
    const { code, stdout, stderr } = await wasmRseq('inspect', COUNTER, ...workspace.cache);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^0 +main\/worker +~lib\/wasm-rseq\/assembly\/percpu\/counter\.ts:\d+ /m,
    );
    for (const label of ['restart', 'start', 'end']) {
      expect(stdout).toMatch(new RegExp(`^0x[0-9a-f]+ +${label} +main/worker`, 'm'));
    }
  });

  test('of a .wasm file shows what the .ts file shows', async () => {
    const module = workspace.path('counter.wasm');
    await wasmRseq('build', COUNTER, '-o', module, ...workspace.cache);

    const source = await wasmRseq('inspect', COUNTER, '--points', ...workspace.cache);
    const binary = await wasmRseq('inspect', module, '--points');

    expect(binary).toEqual(source);
  });

  test('of a program without sections says that there are none', async () => {
    const guest = workspace.write('plain.ts', 'export function main(): i32 { return 0; }');

    const text = await wasmRseq('inspect', guest, ...workspace.cache);
    const json = await wasmRseq('inspect', guest, '--json', ...workspace.cache);

    expect(text.stdout).toBe('no sections\n\ncritical range: none\n');
    expect(lastLineJson(json.stdout)).toMatchObject({ sections: [] });
  });
});
