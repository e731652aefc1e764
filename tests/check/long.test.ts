// A check puts one kernel into state after state: what a run has a limit for is not added up over all of them.

import { expect, test } from 'vitest';
import { runAction } from '../../src/check/action.js';
import { Executor } from '../../src/check/executor.js';
import { toHostOptions } from '../../src/check/options.js';
import { THREADS } from '../../src/check/state.js';
import { loadModules } from '../../src/host/host.js';
import { compileSource } from '../guests/compile.js';

const DEEP = `
import { join, spawn } from 'wasm-rseq/assembly';

const word: usize = memory.data(4, 64);

function descend(depth: i32): i32 {
  const before = load<i32>(word);
  const after = depth == 0 ? load<i32>(word) : descend(depth - 1);
  return before + after + load<i32>(word);
}

export function main(): i32 {
  return join(spawn((_: usize) => descend(200), 0));
}`;

/** More than the stacks of a small program have room for, were each a new one. */
const TURNS = 1500;

test('the stacks of threads that the next state has not give their room back', async () => {
  const { wasm } = await compileSource(DEEP, { metering: 'instruction' });
  const options = toHostOptions(wasm as BufferSource, { cpus: 1, memoryLimit: 2 });
  const executor = new Executor(await loadModules(wasm as BufferSource), options, {
    parks: false,
    merges: false,
  });
  const next = (state: Int32Array, tid: number): Int32Array => {
    const step = executor.step(state, runAction(tid, 0));
    return Int32Array.of(step.shared, step.services, step.content, ...step.threads);
  };
  const { shared, services, content, threads } = executor.initial();
  const beginning = Int32Array.of(shared, services, content, ...threads);
  let deep: Int32Array = beginning;
  while (deep.length < THREADS + 2) deep = next(deep, 1);
  for (let steps = 0; steps < 200; steps++) deep = next(deep, 2);

  const afterwards = next(deep, 2);
  for (let turn = 0; turn < TURNS; turn++) {
    next(beginning, 1);
    expect(next(deep, 2)).toEqual(afterwards);
  }
});
