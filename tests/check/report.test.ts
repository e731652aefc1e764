// A result as text: what is said, what is folded, and that it is the same every time.

import { describe, expect, test } from 'vitest';
import {
  check,
  type CheckResult,
  type CounterexampleStep,
  formatResult,
  sourcesIn,
} from '../../src/check/index.js';
import { CORPUS, type CorpusEntry } from '../corpus/manifest.js';
import { compileEntry, optionsOf } from './programs.js';

const NO_STEP: CounterexampleStep = {
  step: 1,
  tid: 1,
  cpu: 0,
  ip: 0x1000,
  function: 'main/work',
  file: 'main.ts',
  line: 1,
  reads: [],
  writes: [],
  events: [],
  eventsBefore: 0,
  starts: [],
};

const VIOLATED: CheckResult = {
  verdict: 'violated',
  reason: undefined,
  states: 12,
  transitions: 1,
  seconds: 3,
  coverage: { points: 2, interrupted: 1, restartEdges: 2, restartEdgesTaken: 0, missed: ['one'] },
  failure: { kind: 'exit', message: 'program exited with 1', place: 'main.ts:9', tid: 1 },
  schedule: 'c1.AA',
  preemptions: 1,
  steps: [],
  finalStates: [],
};

/** The lines of a run with these steps, numbered. */
function listing(steps: readonly Partial<CounterexampleStep>[]): string[] {
  const numbered = steps.map((step, index) => ({ ...NO_STEP, step: index + 1, ...step }));
  const lines = formatResult({ ...VIOLATED, steps: numbered }).split('\n');
  return lines.slice(4, -2);
}

function times(count: number, step: Partial<CounterexampleStep>): Partial<CounterexampleStep>[] {
  return Array.from({ length: count }, () => step);
}

const END = times(10, { line: 99 });

describe('the head', () => {
  test('of a failing run says what, where and after how much', () => {
    expect(formatResult(VIOLATED).split('\n').slice(0, 2)).toEqual([
      'violated: program exited with 1',
      '  thread 1 at main.ts:9; 1 preemption in 0 steps; 12 states, 1 transition',
    ]);
  });

  test('of a proof says what was covered, and what was not', () => {
    expect(formatResult({ ...VIOLATED, verdict: 'proven', failure: undefined })).toBe(
      'proven: 12 states, 1 transition\ncoverage: 1 of 2 points interrupted, 0 of 2 restarts taken\n  one',
    );
  });

  test('of an incomplete search says why', () => {
    const text = formatResult({ ...VIOLATED, verdict: 'incomplete', reason: 'interrupted' });

    expect(text).toMatch(/^incomplete: interrupted; 12 states, 1 transition\n/);
  });
});

describe('a run', () => {
  test('has its last ten steps', () => {
    expect(listing([...times(5, {}), ...END])).toEqual([
      '                    ... 5 steps of thread 1 in main/work',
      ...END.map(
        (_, index) => `   ${String(index + 6).padStart(2)}       1    0  main.ts:99  in main/work`,
      ),
    ]);
  });

  test('has both sides of a switch, and what the kernel did before the step', () => {
    const switched = { tid: 2, events: ['thread 1 loses cpu 0', 'Gettid = 2'], eventsBefore: 1 };

    const lines = listing([...times(4, {}), switched, ...times(4, { tid: 2 }), ...END]);

    expect(lines.slice(0, 5)).toEqual([
      '                    ... 3 steps of thread 1 in main/work',
      '    4       1    0  main.ts:1   in main/work',
      '                    -- thread 1 loses cpu 0',
      '    5       2    0  main.ts:1   in main/work  Gettid = 2',
      '                    ... 3 steps of thread 2 in main/work',
    ]);
  });

  test('has every access to a word that two threads use, from when both are there', () => {
    const word = { address: 0x4c0, value: 7 };
    const early = { writes: [word] };
    const load = { reads: [word] };
    const store = { tid: 2, writes: [word] };
    const before = [early, ...times(3, {}), { starts: [2] }, ...times(3, {})];

    const lines = listing([...before, load, ...times(3, {}), store, ...END]);

    expect(lines.filter((line) => line.includes('0x4c0'))).toEqual([
      '    9       1    0  main.ts:1   in main/work  reads 0x4c0: 7',
      '   13       2    0  main.ts:1   in main/work  writes 0x4c0: 7',
    ]);
    expect(lines[0]).toContain('... 4 steps of thread 1');
  });

  test('names variables outside memory, and at most four words of a step', () => {
    const reads = [
      { address: 0xffff0008, value: -1 },
      { address: 0xffff000c, value: 0 },
      ...[1, 2, 3, 4, 5].map((n) => ({ address: n * 4, value: n * 0x10000 })),
    ];

    expect(listing([{ reads }]).at(-1)).toMatch(
      /reads global 1: -1, 0x4: 0x10000, 0x8: 0x20000, 0xc: 0x30000; and 2 words more$/,
    );
  });
});

describe('a program of the corpus', () => {
  const entry = CORPUS.find(({ name }) => name === 'handler-forgets-r10') as CorpusEntry;

  async function report(): Promise<string> {
    const { wasm, sourceMap = '' } = await compileEntry(entry, 'wrong');
    const result = await check(wasm as BufferSource, { ...optionsOf(entry), sourceMap });
    return formatResult(result, { sourceOf: sourcesIn(sourceMap) });
  }

  test('shows the way back to a restart label and the source there', async () => {
    const text = await report();

    expect(text).toMatch(/-- kernel: from 0x\w+ back to 0x\w+/);
    expect(text).toContain('rseq.');
    expect(text).not.toContain('\u001b');
  });

  test('has the same report every time', async () => {
    expect(await report()).toBe(await report());
  });
});

test('a text that is no source map has no sources', () => {
  expect(sourcesIn('no map')('main.ts')).toBeUndefined();
  expect(sourcesIn('{"sources":["a.ts"],"sourcesContent":["x\\ny"]}')('a.ts')).toEqual(['x', 'y']);
});
