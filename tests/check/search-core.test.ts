// The inner part of the search: what it is made of, and what it keeps.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import asc from 'assemblyscript/asc';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { CheckError } from '../../src/check/errors.js';
import { Interner } from '../../src/check/interner.js';
import { MemoryStates } from '../../src/check/memory-states.js';
import { SearchCore } from '../../src/check/search-core.js';
import { SERVICES_PART, SHARED_PART, THREAD_PART } from '../../src/check/search-layout.js';
import { SEARCH_MODULE } from '../../src/check/search-module.js';
import { StateParts } from '../../src/check/state-parts.js';
import { WordWriter } from '../../src/kernel/words.js';

const ROOT = resolve(import.meta.dirname, '../..');

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test('the module is what its source compiles to', async () => {
  const written: Uint8Array[] = [];
  const config = ['--config', 'assembly/search/asconfig.json', '--baseDir', ROOT];

  const { error } = await asc.main([...config, '--outFile', 'search.wasm'], {
    writeFile: (_name, contents) => void written.push(contents as Uint8Array),
  });

  expect(error).toBeNull();
  expect(Buffer.from(written[0] as Uint8Array).equals(SEARCH_MODULE)).toBe(true);
});

test('the module is in the package for runtimes that compile none', async () => {
  const { exports } = JSON.parse(await readFile(resolve(ROOT, 'package.json'), 'utf8'));

  const file = await readFile(resolve(ROOT, exports['./search.wasm']));

  expect(file.equals(SEARCH_MODULE)).toBe(true);
});

const tuples = fc.array(
  fc
    .array(fc.integer({ min: -3, max: 3 }), { maxLength: 6 })
    .map((words) => Int32Array.from(words)),
  { minLength: 1, maxLength: 200 },
);

test('equal tuples have equal numbers, and others others (seed 7)', () => {
  const law = fc.property(tuples, (all) => {
    const interner = new Interner();

    const ids = all.map((words) => interner.intern(words));

    const keys = all.map((words) => words.join());
    expect(ids).toEqual(keys.map((key) => ids[keys.indexOf(key)]));
    expect(new Set(ids).size).toBe(new Set(keys).size);
    expect(ids.map((id) => interner.tuple(id).join())).toEqual(keys);
  });

  fc.assert(law, { seed: 7, numRuns: 50 });
});

function tupleOf(n: number): Int32Array {
  return Int32Array.of(n, n >> 3, ~n);
}

test('a hundred thousand tuples keep their numbers, words and fingerprints while room is made', () => {
  const interner = new Interner();
  const other = new Interner();
  for (let n = 1; n <= 100_000; n++) interner.intern(tupleOf(n));

  for (let n = 1; n <= 100_000; n += 997) {
    const words = tupleOf(n);
    const id = other.intern(words);
    expect(interner.intern(words)).toBe(n);
    expect(interner.tuple(n)).toEqual(words);
    expect([interner.low(n), interner.high(n)]).toEqual([other.low(id), other.high(id)]);
  }
});

test('what was taken out stays what it was while room is made', () => {
  const core = new SearchCore();
  const interner = new Interner(core);
  const tuple = interner.tuple(interner.intern(tupleOf(1)));
  const memory = new MemoryStates(core, new Int32Array(1 << 20), []);
  const stores = Array.from({ length: 1 << 16 }, (_, line) => [line * 64, 1]).flat();
  const lines: number[] = [];

  memory.difference(0, memory.writeAll(0, stores), (address) => lines.push(address));

  expect(lines).toEqual(Array.from({ length: 1 << 16 }, (_, line) => line * 64));
  expect(tuple).toEqual(tupleOf(1));
});

test('states come off the stack in the order in which they did not come on, however many', () => {
  const core = new SearchCore();
  const { functions } = core;
  const states = Array.from({ length: 3000 }, (_, n) => new Int32Array(3 + (n % 5)).fill(n));
  const seen: Int32Array[] = [];

  for (const state of states) {
    core.giveState(state);
    functions.push(state.length);
  }
  for (const { length } of [...states].reverse()) {
    functions.peek(length);
    seen.push(core.state(length));
    functions.pop(length);
  }

  expect(seen.reverse()).toEqual(states);
});

test('a state of any length is worked on', () => {
  const core = new SearchCore();
  const state = Int32Array.from({ length: 5000 }, (_, at) => at);

  core.giveState(state);

  expect(core.state(state.length)).toEqual(state);
});

test('more memory than there can be is refused in one sentence', () => {
  const { functions } = new SearchCore();

  const ask = (): number => functions.initialMemory(2 ** 28);

  expect(ask).toThrow(CheckError);
  expect(ask).toThrow('the states take more memory than a search can have, 4 GiB');
});

test('with a control block moves what is an address in one, and no other word', () => {
  const core = new SearchCore();
  const memory = new MemoryStates(core, new Int32Array(1024), []);
  // Threads 2 and 3, whose blocks are at 128 and 256.
  core.give([2, 2, 128, 256, 3, 3, 256, 128, 2]);
  core.functions.setPermutation(0, 9);
  const tid = 64;
  const before = memory.writeAll(0, [
    128 + tid,
    2,
    256 + tid,
    3,
    132,
    128,
    136,
    255,
    140,
    300,
    512,
    130,
  ]);

  const after = core.functions.renamedContent(before, 0);

  const words = [128 + tid, 256 + tid, 260, 264, 268, 132, 512].map((at) => memory.read(after, at));
  expect(words).toEqual([2, 3, 256, 383, 172, 0, 130]);
  expect(core.functions.renamedContent(after, 0)).toBe(before);
});

function queued(tids: readonly number[]): WordWriter {
  const words = new WordWriter();
  for (const tid of tids) words.thread(tid);
  return words;
}

test('threads that are alike stand in the order in which they queue', () => {
  const core = new SearchCore();
  const { functions } = core;
  const [main, two, three] = [1, 2, 3].map((n) =>
    new Interner(core, functions.threads()).intern(tupleOf(n)),
  );
  const parts = new StateParts(core);
  const [first, other] = [
    [2, 3],
    [3, 2],
  ].map((queue) => parts.internServices(queued(queue), true));
  const shared = new Interner(core, functions.shared()).intern(tupleOf(1));
  // Threads 2 and 3, whose blocks are at 128 and 256, change places.
  core.give([2, 2, 128, 256, 3, 3, 256, 128, 2]);
  functions.setPermutation(0, 9);
  const images = [
    [THREAD_PART, main, main],
    [THREAD_PART, two, three],
    [THREAD_PART, three, two],
    [SHARED_PART, shared, shared],
    [SERVICES_PART, first, other],
    [SERVICES_PART, other, first],
  ] as const;
  for (const [part, number, image] of images)
    functions.setImage(part, number as number, 0, image as number);
  // One class of two, the second of which is exchanged by that; in the order 1, 0 it is what has to be done.
  core.give([1, 2, 2, 128, 0, 3, 256, 1, 1, 4, 0]);
  functions.setGroup(3, 11);
  const stateOf = (services: number | undefined): Int32Array =>
    Int32Array.from([shared, services, 0, main, two, three] as number[]);

  const settled = [first, other].map((services) => {
    core.giveState(stateOf(services));
    return [functions.settle(6, true), core.state(6)];
  });

  expect(settled).toEqual([
    [0, stateOf(first)],
    [0, stateOf(first)],
  ]);
});

function refuse(): never {
  throw new Error('code generation disallowed');
}

test('where nothing can be compiled, the module that was given is used', async () => {
  const module = new WebAssembly.Module(SEARCH_MODULE);
  vi.stubGlobal('WebAssembly', { Instance: WebAssembly.Instance, Module: refuse });
  const fresh = await import('../../src/check/search-core.js');

  expect(() => new fresh.SearchCore()).toThrow(
    'the search cannot be compiled here: code generation disallowed; give useSearchModule the module of wasm-rseq/search.wasm',
  );
  fresh.useSearchModule(module);
  expect(new fresh.SearchCore().bytes).toBeGreaterThan(0);
});
