// Random programs: sections made of loads, stores, arithmetic, branches and loops, each of which
// commits a known amount. Whatever the schedule, the metering and the optimiser, the sums are exact,
// the run is repeatable, and a replay is the same run.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ABI_NAMES } from '../../src/abi/index.js';
import type { CompiledProgram, CompileOptions } from '../../src/toolchain/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

const THREADS = 4;
const ROUNDS = 12;
const FIELDS = 4;

/** A step inside a section, before its commit. `t` is the section's scratch local. */
type Step =
  | { kind: 'load'; offset: number }
  | { kind: 'scratch'; offset: number; add: number }
  | { kind: 'arithmetic'; factor: number }
  | { kind: 'branch'; mask: number; ifTrue: Step[]; ifFalse: Step[] }
  | { kind: 'loop'; turns: number; body: Step[] };

interface Section {
  readonly before: Step[];
  readonly field: number;
  readonly amount: number;
  /** The commit stands in both arms of a branch on junk. */
  readonly isSplit: boolean;
  /** Leave before the commit in every third round. */
  readonly leaves: boolean;
}

const { step } = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('load' as const), offset: fc.integer({ min: 0, max: 7 }) }),
    fc.record({
      kind: fc.constant('scratch' as const),
      offset: fc.integer({ min: 0, max: 7 }),
      add: fc.integer({ min: -9, max: 9 }),
    }),
    fc.record({
      kind: fc.constant('arithmetic' as const),
      factor: fc.integer({ min: 1, max: 99 }),
    }),
    fc.record({
      kind: fc.constant('branch' as const),
      mask: fc.integer({ min: 1, max: 7 }),
      ifTrue: fc.array(tie('step'), { maxLength: 3 }),
      ifFalse: fc.array(tie('step'), { maxLength: 2 }),
    }),
    fc.record({
      kind: fc.constant('loop' as const),
      turns: fc.integer({ min: 0, max: 3 }),
      body: fc.array(tie('step'), { maxLength: 2 }),
    }),
  ),
}));

const section: fc.Arbitrary<Section> = fc.record({
  before: fc.array(step, { maxLength: 5 }),
  field: fc.integer({ min: 0, max: FIELDS - 1 }),
  amount: fc.integer({ min: 1, max: 100 }),
  isSplit: fc.boolean(),
  leaves: fc.boolean(),
});

function writeSteps(steps: readonly Step[], depth: number): string {
  return steps.map((each) => writeStep(each, depth)).join('\n');
}

function writeStep(each: Step, depth: number): string {
  switch (each.kind) {
    case 'load':
      return `t += load<i32>(scratch + ${each.offset * 4});`;
    case 'scratch':
      return `store<i32>(scratch + ${each.offset * 4}, t + ${each.add});`;
    case 'arithmetic':
      return `t = t * ${each.factor} + 1;`;
    case 'branch':
      return `if (t & ${each.mask}) { ${writeSteps(each.ifTrue, depth)} } else { ${writeSteps(each.ifFalse, depth)} }`;
    case 'loop': {
      const i = `k${depth}`;
      const body = writeSteps(each.body, depth + 1);
      return `for (let ${i} = 0; ${i} < ${each.turns}; ${i}++) { ${body} }`;
    }
  }
}

function writeSection({ before, field, amount, isSplit, leaves }: Section, index: number): string {
  const commit = `store<i32>(slot, load<i32>(slot) + ${amount});`;
  return `function section${index}(round: i32): void {
    let t = round;
    rseq.restart();
    rseq.start();
    ${writeSteps(before, 0)}
    ${leaves ? 'if (round % 3 == 1) return;' : ''}
    const slot = slots + <usize>rseq.cpuId() * 64 + ${field * 4};
    ${isSplit ? `if (t & 1) { ${commit} } else { ${commit} }` : commit}
    rseq.end();
  }`;
}

function writeProgram(sections: readonly Section[]): string {
  return `import { rseq, spawn, join, printNumber, nrCpus } from 'wasm-rseq/assembly';
  let slots: usize = memory.data(1024, 64);
  let scratch: usize = memory.data(64, 16);
  ${sections.map(writeSection).join('\n')}
  function worker(n: usize): i32 {
    for (let round = 0; round < ${ROUNDS}; round++) {
      ${sections.map((_, index) => `section${index}(round);`).join(' ')}
    }
    return 0;
  }
  export function main(): i32 {
    assert(rseq.register() == 0);
    ${Array.from({ length: THREADS }, (_, n) => `const w${n} = spawn(worker, ${n});`).join(' ')}
    ${Array.from({ length: THREADS }, (_, n) => `join(w${n});`).join(' ')}
    for (let field = 0; field < ${FIELDS}; field++) {
      let sum = 0;
      for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(slots + <usize>(cpu * 64 + field * 4));
      printNumber(sum);
    }
    return 0;
  }`;
}

function expectedSums(sections: readonly Section[]): string[] {
  const sums = Array.from({ length: FIELDS }, () => 0);
  for (const { field, amount, leaves } of sections) {
    const rounds = leaves ? ROUNDS - Math.floor((ROUNDS + 1) / 3) : ROUNDS;
    sums[field] = (sums[field] as number) + THREADS * rounds * amount;
  }
  return sums.map(String);
}

const BUILDS: readonly CompileOptions[] = [
  { metering: 'instruction', optimizeLevel: 3 },
  { metering: 'block', optimizeLevel: 3 },
  { metering: 'instruction', optimizeLevel: 0 },
];

const SEED = 20_150_624;

describe(`random programs, seed ${SEED}`, () => {
  test('commit exactly, whatever the schedule, the metering and the optimiser', async () => {
    let restarts = 0;
    const property = fc.asyncProperty(
      fc.array(section, { minLength: 1, maxLength: 6 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 80 }), fc.nat()), {
        minLength: 6,
        maxLength: 6,
      }),
      async (sections, runs) => {
        for (const build of BUILDS) {
          const program = await compileSource(writeProgram(sections), build);
          for (const [quantum, seed] of runs) {
            const host = await bootProgram(program, { cpus: 3, quantum, seed, fuelLimit: 5e7 });

            const result = host.run();

            expect(result.failure).toBeUndefined();
            expect(host.printed).toEqual(expectedSums(sections));
            restarts += result.restarts;
          }
        }
      },
    );

    await fc.assert(property, { seed: SEED, numRuns: 7 });

    expect(restarts).toBeGreaterThan(1000);
  });

  test('run twice and replayed give one trace hash', async () => {
    const property = fc.asyncProperty(
      fc.array(section, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 120 }),
      fc.nat(),
      async (sections, quantum, seed) => {
        const program = await compileSource(writeProgram(sections));
        const run = async (options: object) => (await bootProgram(program, options)).run();
        const first = await run({ cpus: 3, quantum, seed });

        const second = await run({ cpus: 3, quantum, seed });
        const replayed = await run({ cpus: 3, schedule: first.schedule });

        expect(second).toEqual(first);
        expect(replayed).toEqual(first);
      },
    );

    await fc.assert(property, { seed: SEED, numRuns: 5 });
  });

  test('run the same with every section twice and with every section once', async () => {
    const property = fc.asyncProperty(
      fc.array(section, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(...ABI_NAMES),
      fc.constantFrom(0, 3),
      async (sections, abi, optimizeLevel) => {
        const [twice, once] = await Promise.all(
          [true, false].map((fastPath) =>
            compileSource(writeProgram(sections), {
              metering: 'block',
              abi,
              optimizeLevel,
              fastPath,
            }),
          ),
        );
        for (const quantum of [5, 20, 60, 150, 400]) {
          const run = async (program: CompiledProgram | undefined) => {
            const cpus = abi === 'ras' ? 1 : 3;
            const host = await bootProgram(program as CompiledProgram, {
              cpus,
              quantum,
              seed: quantum,
              fuelLimit: 1e5,
            });
            return { result: host.run(), map: host.map };
          };

          expect(await run(twice)).toEqual(await run(once));
        }
      },
    );

    await fc.assert(property, { seed: SEED, numRuns: Number(process.env['RUNS'] ?? 8) });
  });
});
