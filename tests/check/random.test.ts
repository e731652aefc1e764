// Programs that nobody has thought of: with reductions the checker says of them what it says without.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check, type CheckOptions, type CheckResult } from '../../src/check/index.js';
import { compileSource } from '../guests/compile.js';

const PROGRAMS = 40;
const SEED = 20151025;
/** Without reductions there may be more: then there is nothing to compare with. */
const MOST_STATES = 60_000;

const WITHOUT: Readonly<Record<string, CheckOptions['reductions']>> = {
  all: { local: false, switches: false, restarts: false, symmetry: false },
  local: { local: false },
  symmetry: { symmetry: false },
};

const PRELUDE = `
import { futexWait, futexWake, getcpu, join, joinAll, kill, rseq, schedYield, signal, spawn } from 'wasm-rseq/assembly';
import { rtSigprocmask, schedGetaffinity } from 'wasm-rseq/assembly/sys';
/** Words 64 bytes apart: three that all use, and for each thread three of its own. */
const SHARED: usize = memory.data(192, 64);
const OWN: usize = memory.data(576, 64);
const FLAG: usize = memory.data(4, 64);
const TIDS: usize = memory.data(12, 64);
const MASK: usize = memory.data(16, 64);
const COUNTS: usize = memory.data(128, 64);
function count(): void {
  rseq.restart();
  rseq.start();
  const slot = COUNTS + (<usize>rseq.cpuId() << 6);
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
}
function onSignal(_signo: i32): void {
  store<i32>(SHARED, load<i32>(SHARED) + 1);
}
`;

/** A statement of thread `me`, the main thread being 0. */
function statement(me: number): fc.Arbitrary<string> {
  const shared = fc.nat(2).map((word) => `SHARED + ${word * 64}`);
  const own = fc.nat(2).map((word) => `OWN + ${me * 192 + word * 64}`);
  const anybodys = fc.nat(8).map((word) => `OWN + ${word * 64}`);
  const tid = fc.nat(2).map((thread) => `load<i32>(TIDS, ${thread * 4})`);
  const values = fc.nat(2);
  const simple = fc.oneof(
    shared.map((to) => `store<i32>(${to}, load<i32>(${to}) + 1);`),
    fc.tuple(shared, values).map(([to, value]) => `store<i32>(${to}, ${value});`),
    fc.tuple(own, shared).map(([to, from]) => `store<i32>(${to}, load<i32>(${from}));`),
    fc.tuple(own, values).map(([to, value]) => `store<i32>(${to}, ${value});`),
    fc.tuple(own, anybodys).map(([to, from]) => `store<i32>(${to}, load<i32>(${from}));`),
    own.map((to) => `getcpu(${to}, 0);`),
    fc
      .tuple(own, tid)
      .map(([to, who]) => `store<i32>(${to}, schedGetaffinity(${who}, 4, MASK + 8));`),
    tid.map((who) => `kill(${who}, 10);`),
    fc.nat(1).map((how) => `rtSigprocmask(${how}, MASK, 0);`),
    fc.constantFrom(
      'count();',
      'schedYield();',
      'store<i32>(FLAG, 1); futexWake(FLAG, 1);',
      'if (load<i32>(FLAG) == 0) futexWait(FLAG, 0, 0);',
    ),
  );
  return fc.oneof(
    { weight: 5, arbitrary: simple },
    { weight: 1, arbitrary: simple.map((body) => `for (let i = 0; i < 2; i++) { ${body} }`) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(shared, simple)
        .map(([word, body]) => `if (load<i32>(${word}) == 1) { ${body} }`),
    },
  );
}

function body(me: number, most: number): fc.Arbitrary<string> {
  return fc
    .array(statement(me), { minLength: 1, maxLength: most })
    .map((lines) => lines.join('\n  '));
}

const program = fc
  .record({
    main: body(0, 2),
    first: body(1, 3),
    second: fc.option(body(2, 2)),
    isSecondLate: fc.boolean(),
    expected: fc.nat(3),
    cpus: fc.constantFrom(1, 1, 2),
  })
  .map(({ main, first, second, isSecondLate, expected, cpus }) => {
    const start = second === null ? '' : 'store<i32>(TIDS, spawn(second, 0), 8);';
    const source = `${PRELUDE}
function first(_: usize): i32 {
  ${isSecondLate ? start : ''}
  ${first}
  return 0;
}
function second(_: usize): i32 {
  ${second ?? ''}
  return 0;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  signal(10, onSignal);
  store<i32>(TIDS, 1);
  store<i64>(MASK, 512);
  store<i32>(TIDS, spawn(first, 0), 4);
  ${isSecondLate ? '' : start}
  ${main}
  joinAll();
  return load<i32>(SHARED) == ${expected} ? 1 : 0;
}`;
    return { source, cpus };
  });

const SAMPLE = fc.sample(program, { numRuns: PROGRAMS, seed: SEED });

function comparable({ verdict, failure, finalStates }: CheckResult): unknown {
  return verdict === 'proven' ? { verdict, finalStates } : { verdict, message: failure?.message };
}

test.each(SAMPLE.map(({ source, cpus }, index) => [index, cpus, source] as const))(
  'program %i on %i cpus',
  async (_index, cpus, source) => {
    const { wasm } = await compileSource(source, { metering: 'instruction' });
    const reduced = await check(wasm as BufferSource, { cpus });
    expect(reduced.verdict).not.toBe('incomplete');

    for (const [name, reductions = {}] of Object.entries(WITHOUT)) {
      const options = { cpus, reductions, maxStates: MOST_STATES };
      const full = await check(wasm as BufferSource, options);
      if (full.verdict === 'incomplete') continue;
      expect(comparable(full), `without ${name}:\n${source}`).toEqual(comparable(reduced));
    }
  },
);
