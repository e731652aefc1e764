// `await expect(program).toBeProven()`: what it takes, and what it says when it fails.

import { describe, expect, test } from 'vitest';
import type { CheckOptions } from '../../src/check/index.js';
import '../../src/vitest/index.js';
import type { Program } from '../../src/vitest/index.js';
import { type CorpusEntry, CORPUS } from '../corpus/manifest.js';
import { compileEntry, optionsOf, type Side } from './programs.js';

function entry(name: string): CorpusEntry {
  return CORPUS.find((each) => each.name === name) as CorpusEntry;
}

const COUNTER = entry('labels-stripped');
const LOCKS = entry('lock-order');

async function compile(of: CorpusEntry, side: Side): Promise<{ wasm: Uint8Array }> {
  return compileEntry(of, side);
}

/** What the matcher says when it fails. */
async function complaint(program: Program, isNot: boolean, options: CheckOptions): Promise<string> {
  const assertion = isNot ? expect(program).not : expect(program);
  const failed = await assertion.toBeProven(options).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failed).toBeInstanceOf(Error);
  return (failed as Error).message;
}

describe('toBeProven', () => {
  test('takes a compiled program, or its bytes', async () => {
    const program = await compile(COUNTER, 'right');

    await expect(program).toBeProven(optionsOf(COUNTER));
    await expect(program.wasm).toBeProven(optionsOf(COUNTER));
  });

  test('with not takes a program of which a run fails', async () => {
    await expect(await compile(COUNTER, 'wrong')).not.toBeProven(optionsOf(COUNTER));
    await expect(await compile(LOCKS, 'wrong')).not.toBeProven(optionsOf(LOCKS));
  });

  test('says which run fails, with its source and its schedule', async () => {
    const message = await complaint(await compile(COUNTER, 'wrong'), false, optionsOf(COUNTER));

    expect(message).toContain('expected the program to be proven');
    expect(message).toContain('violated: SIGABRT: an increment was lost');
    expect(message).toContain('-- thread 1 loses cpu 0');
    expect(message).toContain('store<i32>(slot, load<i32>(slot) + 1);');
    expect(message).toMatch(/schedule: c1\.[\w-]+$/);
  });

  test('with not says what was covered', async () => {
    const message = await complaint(await compile(COUNTER, 'right'), true, optionsOf(COUNTER));

    expect(message).toContain('expected the program not to be proven');
    expect(message).toContain('coverage: 3 of 3 points interrupted, 3 of 3 restarts taken');
  });

  test.each([null, 7, { states: 5 }])('refuses options %o', async (options) => {
    const proving = expect(await compile(COUNTER, 'right')).toBeProven(options as object);

    await expect(proving).rejects.toThrow(/^(options (null|7) must be|states 5 is no option)/);
  });

  test.each([false, true])('fails where the search is incomplete, not: %s', async (isNot) => {
    const program = await compile(COUNTER, 'right');

    const message = await complaint(program, isNot, { ...optionsOf(COUNTER), maxStates: 10 });

    expect(message).toContain('incomplete: --max-states 10 reached');
    expect(message).toContain('  not interrupted: ');
  });
});
