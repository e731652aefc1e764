// npm run mutate: what its operators make of a small source, and that the checker finds what they make
// of a few primitives.

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { type Mutant, mutantsOf } from '../../scripts/mutation/mutants.js';

const SOURCE = `
function take(box: usize): i32 {
  let value = 0;
  rseq.restart();
  rseq.start();
  value = load<i32>(box);
  if (value < 2) store<i32>(box, 0);
  rseq.end();
  store<i32>(SEEN, 1);
  store<i32>(LAST, value);
  return value;
}

function look(box: usize): void {
  if (box == 0) return;
  assert(load<i32>(box) == 0, 'full');
}

export function main(): i32 {
  if (take(BOX) != 1) return 1;
  return 0;
}
`;

function made(operator: Mutant['operator']): string[] {
  return mutantsOf(SOURCE)
    .filter((mutant) => mutant.operator === operator)
    .map(({ name }) => name);
}

/** What a mutant has instead of the lines of the source that it changes. */
function linesOf(name: string): string[] {
  const mutant = mutantsOf(SOURCE).find((each) => each.name === name) as Mutant;
  const before = SOURCE.split('\n');
  const after = mutant.text.split('\n');
  expect(after).toHaveLength(before.length);
  expect(after[mutant.line - 1]).not.toBe(before[mutant.line - 1]);
  return after.filter((line, index) => line !== before[index]).map((line) => line.trim());
}

describe('mutantsOf', () => {
  test('drops each label, and all of a section', () => {
    expect(made('label').filter((name) => name.includes(': no '))).toEqual([
      'take: no restart()',
      'take: no start()',
      'take: no end()',
      'take: no labels',
    ]);
    expect(linesOf('take: no labels')).toEqual(['', '', '']);
  });

  test('moves each label by one statement, both ways', () => {
    expect(made('label').filter((name) => !name.includes(': no '))).toEqual([
      'take: restart() before `let value = 0`',
      'take: restart() behind `rseq.start()`',
      'take: start() behind `value = load<i32>(box)`',
      'take: end() before `if (value < 2) store<i32>(box, 0)`',
      'take: end() behind `store<i32>(SEEN, 1)`',
    ]);
    expect(linesOf('take: end() behind `store<i32>(SEEN, 1)`')).toEqual([
      'store<i32>(SEEN, 1);',
      'rseq.end();',
    ]);
  });

  test('swaps stores that follow each other', () => {
    expect(made('swap')).toEqual(['take: `store<i32>(LAST, value)` before `store<i32>(SEEN, 1)`']);
  });

  test('moves a load across each label', () => {
    expect(made('load')).toEqual([
      'take: `value = load<i32>(box)` before restart()',
      'take: `value = load<i32>(box)` behind end()',
    ]);
    expect(linesOf('take: `value = load<i32>(box)` before restart()')).toEqual([
      'value = load<i32>(box);',
      'rseq.restart();',
      'rseq.start();',
    ]);
  });

  test('changes comparisons and their constants, not those of a harness', () => {
    expect(made('compare')).toEqual([
      'take: value < 2 to value <= 2',
      'take: value < 2 to value >= 2',
      'take: value < 2 to value < 3',
    ]);
  });

  test('makes no mutant twice', () => {
    const texts = mutantsOf(SOURCE).map(({ text }) => text);

    expect(new Set([...texts, SOURCE]).size).toBe(texts.length + 1);
  });

  test('excuses what has no point, and no label that moves behind more than one load', () => {
    const local = 'restart();\n  rseq.start();\n  value = 0;';
    const loads = 'restart();\n  rseq.start();\n  value = load<i32>(load<usize>(box));';
    const excuses = [local, loads].map((text) => {
      const source = SOURCE.replace('restart();\n  rseq.start();', text);
      return mutantsOf(source).find(({ name }) => name.startsWith('take: start() behind'))?.excuse;
    });

    expect(excuses).toEqual([expect.stringContaining('no memory'), undefined]);
  });
});

describe('npm run mutate', () => {
  test('the checker kills 95 % of the mutants of a counter, a lock and a list', () => {
    const filter = '^(percpu/counter|test-then-set|aba-list-pop)$';
    const args = ['run', '-s', 'mutate', '--', '--json', '--filter', filter];
    const { status, stdout, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');

    expect(result.rate, stdout + stderr).toBeGreaterThanOrEqual(0.95);
    expect(result.mutants).toBe(
      result.refused + result.killed + result.equivalent + result.survived.length,
    );
    expect(status).toBe(0);
  });
});
