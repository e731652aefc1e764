// A step that is looked up is the step that the kernel would do: what a leaf was found by is all that it
// depends on.

import { afterEach, describe, expect, test } from 'vitest';
import type { AbiName } from '../../src/abi/code-map.js';
import { check, type CheckOptions } from '../../src/check/index.js';
import { type Leaf, Transitions } from '../../src/check/transitions.js';
import { CORPUS, type CorpusEntry } from '../corpus/manifest.js';
import { compileEntry, optionsOf } from './programs.js';

/** So many steps are looked up for one that is done again. */
const LOOKED_UP = 3;
const STATES = 1500;

const { leafHere } = Transitions.prototype;

afterEach(() => {
  Transitions.prototype.leafHere = leafHere;
});

/** What a step that was looked up comes to, and what it comes to when it is done again. */
interface Compared {
  readonly found: readonly (number | string)[];
  readonly done: readonly (number | string)[];
}

function watchSteps(): Compared[] {
  const all: Compared[] = [];
  let lookedUp = 0;
  Transitions.prototype.leafHere = function watched(length, action): Leaf {
    const found = leafHere.call(this, length, action);
    if (++lookedUp % LOOKED_UP === 0) {
      const { core } = this.executor;
      const state = core.state(length);
      all.push({ found: applied(this, found, state), done: executed(this, state, action) });
      core.giveState(state);
    }
    return found;
  };
  return all;
}

function applied(transitions: Transitions, found: Leaf, state: Int32Array): (number | string)[] {
  if (found.terminal !== undefined) return [found.terminal.message];
  return [...transitions.apply(found, state)];
}

function executed(
  { executor }: Transitions,
  state: Int32Array,
  action: number,
): (number | string)[] {
  const wasHypothetical = executor.isHypothetical;
  executor.isHypothetical = true;
  const { shared, services, content, threads, terminal } = executor.step(state, action);
  executor.isHypothetical = wasHypothetical;
  return terminal === undefined ? [shared, services, content, ...threads] : [terminal.message];
}

const ABIS: readonly AbiName[] = ['turner', 'linux', 'linux-v2', 'percpu-signal', 'event-counter'];
/** Sections, handlers, futexes, ends of threads. */
const ON_EVERY_ABI = ['labels-stripped', 'handler-without-section', 'sleep-without-compare'];

/**
 * Without `restarts`: threads that are taken for one because of what they read are so as long as nobody else
 * writes it, which a search finds out in the end.
 */
async function compare(entry: CorpusEntry, options: CheckOptions): Promise<void> {
  const { wasm } = await compileEntry(entry, 'right');
  const compared = watchSteps();

  const reductions = { restarts: false, ...options.reductions };
  await check(wasm as BufferSource, { maxStates: STATES, ...options, reductions });

  expect(compared.length).toBeGreaterThan(0);
  for (const { found, done } of compared) expect(found).toEqual(done);
}

describe.each(CORPUS)('$name', (entry) => {
  test('as it is checked', () => compare(entry, optionsOf(entry)));

  test('with threads that change places, CPUs and signals', () =>
    compare(entry, { cpus: 2, signals: 1 }));
});

describe.each(ABIS)('on %s', (abi) => {
  const entries = CORPUS.filter(({ name }) => ON_EVERY_ABI.includes(name));

  test.each(entries)('$name', (entry) => compare({ ...entry, abi }, { cpus: 2, signals: 1 }));
});
