// The exactness law: how code is generated changes nothing that can be observed. Whatever the variant,
// the same program, scheduler and seed give the same interrupts at the same addresses with the same
// fuel, hence the same trace, output, memory and end.
//
//   SEED=7 RUNS=20000 npx vitest run tests/toolchain/exactness.test.ts

import binaryenPackage from 'binaryen';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ABI_NAMES } from '../../src/abi/index.js';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import { type Observer, TraceEvent } from '../../src/kernel/index.js';
import { accessors, type Binaryen, portableFeatures } from '../../src/toolchain/binaryen.js';
import { FUEL } from '../../src/toolchain/names.js';
import { LabelError } from '../../src/toolchain/index.js';
import { type InstrumentOptions, instrumentBinary } from '../../src/toolchain/instrument.js';
import { Ir } from '../../src/toolchain/ir.js';
import { type GuestProgram, guestProgram, writeModule } from './random-modules.js';

/** Ways to generate code for the same program. The first is what the others are compared with. */
const VARIANTS: Readonly<Record<string, InstrumentOptions>> = {
  'asyncify, one copy': { resume: 'asyncify', fastPath: false },
  'frames, fast copies': {},
};

const SEED = Number(process.env['SEED'] ?? 20_150_624);
const RUNS = Number(process.env['RUNS'] ?? 2000);
const BOOTS = 3;
const MUTANTS = 30;

const binaryen = binaryenPackage as unknown as Binaryen & {
  parseText(text: string): ReturnType<Binaryen['readBinary']>;
};

const buildOptions = fc.record({
  abi: fc.constantFrom(...ABI_NAMES),
  // There are no fast copies in the other.
  metering: fc.oneof(
    { weight: 7, arbitrary: fc.constant('block' as const) },
    { weight: 1, arbitrary: fc.constant('instruction' as const) },
  ),
  // Optimising takes four times as long as all the rest.
  optimizeLevel: fc.oneof(
    { weight: 19, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(1, 2) },
  ),
});

const bootOptions = fc.record({
  scheduler: fc.constantFrom('random' as const, 'round-robin' as const),
  quantum: fc.oneof(
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) },
    // About what a section takes.
    { weight: 3, arbitrary: fc.integer({ min: 10, max: 120 }) },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: 3000 }) },
  ),
  seed: fc.nat(),
  cpus: fc.integer({ min: 1, max: 3 }),
});
type BuildOptions = Pick<Required<InstrumentOptions>, 'abi' | 'metering' | 'optimizeLevel'>;
type BootOptions = Pick<Required<HostOptions>, 'scheduler' | 'quantum' | 'seed' | 'cpus'>;

/** What the broken variants below are broken copies of. */
const BROKEN = 'frames, fast copies';

const boots = fc.array(bootOptions, { minLength: BOOTS, maxLength: BOOTS });

function assemble(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(portableFeatures(binaryen));
  binaryen.setDebugInfo(true);
  const bytes = module.emitBinary();
  binaryen.setDebugInfo(false);
  module.dispose();
  return bytes;
}

const EVENT_WORDS = 6;

/** The events of a run before a death. */
class Events implements Observer {
  readonly words: number[] = [];

  event(kind: TraceEvent, time: number, cpu: number, tid: number, a: number, b: number): void {
    if (kind !== TraceEvent.Death) this.words.push(kind, time, cpu, tid, a, b);
  }

  describe(index: number): string {
    const [kind = 0, time, cpu, tid, a, b] = this.words.slice(index, index + EVENT_WORDS);
    if (kind === 0) return 'nothing';
    return `${TraceEvent[kind]} at ${time}, cpu ${cpu}, thread ${tid}, ${a}, ${b}`;
  }
}

interface Outcome {
  readonly result: Result;
  readonly output: string;
  readonly memory: Uint8Array;
  readonly events: Events;
}

async function run(wasm: WebAssembly.Module, abi: string, options: BootOptions): Promise<Outcome> {
  const output: number[] = [];
  const events = new Events();
  const host = await createHost({
    ...options,
    cpus: abi === 'ras' ? 1 : options.cpus,
    wasm,
    fuelLimit: 2000 + 200 * Math.min(options.quantum, 150),
    onOutput: (_fd, bytes) => output.push(...bytes),
    observers: [events],
  });
  const result = host.run();
  const memory = host.memory.bytes.slice(0, host.memory.hostBase);
  return { result, output: output.join(), memory, events };
}

/** What two outcomes differ in, or undefined. What a trap leaves uncharged is nobody's promise. */
function findDifference(one: Outcome, other: Outcome): string | undefined {
  const ends = [one, other].map(({ result }) => describeEnd(result));
  const first = one.events.words.findIndex((word, index) => word !== other.events.words[index]);
  if (first >= 0 || one.events.words.length !== other.events.words.length) {
    const length = Math.min(one.events.words.length, other.events.words.length);
    const at = Math.floor((first < 0 ? length : first) / EVENT_WORDS) * EVENT_WORDS;
    return `event ${at / EVENT_WORDS} is ${one.events.describe(at)}\n and ${other.events.describe(at)}`;
  }
  if (ends[0] !== ends[1]) return `the end is ${ends[0]}\n and ${ends[1]}`;
  if (one.output !== other.output) return `the output is ${one.output}\n and ${other.output}`;
  if (Buffer.compare(one.memory, other.memory) === 0) return undefined;
  const address = one.memory.findIndex((byte, index) => byte !== other.memory[index]);
  return `memory has ${one.memory[address]} at ${address} and ${other.memory[address]}`;
}

function describeEnd(result: Result): string {
  if (result.failure?.kind !== 'signal') return JSON.stringify(result);
  const { fuel: _, traceHash: _hash, schedule: _schedule, failure, ...rest } = result;
  return JSON.stringify({ ...rest, signal: failure.signal, tid: failure.tid });
}

interface Compiled {
  readonly text: string;
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
}

/** Every variant of a program; undefined when it breaks a rule of labels. */
function compileVariants(
  program: GuestProgram,
  options: BuildOptions,
  change: (wasm: Uint8Array, variant: string) => Uint8Array = (wasm) => wasm,
): Compiled | undefined {
  const text = writeModule(program, options.abi);
  const bytes = assemble(text);
  const modules = new Map<string, WebAssembly.Module>();
  try {
    for (const [name, variant] of Object.entries(VARIANTS)) {
      const wasm = change(instrumentBinary(binaryen, bytes, { ...options, ...variant }), name);
      modules.set(name, new WebAssembly.Module(wasm as BufferSource));
    }
  } catch (error) {
    if (error instanceof LabelError) return undefined;
    throw new Error(`${String(error)}\n${JSON.stringify(options)}\n${text}`, { cause: error });
  }
  return { text, modules };
}

/** The first difference between the first variant and another in one of the runs. */
async function compare(
  { text, modules }: Compiled,
  options: BuildOptions,
  starts: readonly BootOptions[],
  onOutcome: (outcome: Outcome) => void = () => {},
): Promise<string | undefined> {
  const [[firstName, first], ...others] = [...modules] as [
    [string, WebAssembly.Module],
    ...[string, WebAssembly.Module][],
  ];
  for (const start of starts) {
    const expected = await run(first, options.abi, start);
    onOutcome(expected);
    for (const [name, module] of others) {
      const outcome = await run(module, options.abi, start);
      const difference = findDifference(expected, outcome);
      if (difference !== undefined) {
        const how = JSON.stringify({ ...options, ...start });
        return `${firstName} and ${name} differ: ${difference}\n${how}\n${text}`;
      }
    }
  }
  return undefined;
}

/** Something to break in generated code. */
interface Mutation {
  readonly name: string;
  readonly isEverywhere?: boolean;
  /** How to break it at `ref`, if it is there. fuelLocals: what the function has its fuel in. */
  find(ir: Ir, ref: number, fuelLocals: ReadonlySet<number>): (() => void) | undefined;
}

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a charge that is off by one',
    find(ir, ref) {
      if (!isOf(ir, ref, 'GlobalSet', FUEL)) return undefined;
      const constant = constantOperand(ir, ir.operands(ref)[0]?.get() as number);
      if (constant === undefined) return undefined;
      return () => setConstant(constant, valueOf(constant) + 1);
    },
  },
  {
    name: 'a fast copy that is entered with too little fuel',
    isEverywhere: true,
    find(ir, ref, fuelLocals) {
      const constant = constantOperand(ir, ref);
      if (constant === undefined || !isComparison(ir, ref)) return undefined;
      const left = ir.operands(ref)[0]?.get() as number;
      const isFuel = ir.kind(left) === 'LocalGet' && fuelLocals.has(ir.get(left, 'Index'));
      // A point compares with 0.
      return isFuel && valueOf(constant) > 1 ? () => setConstant(constant, 1) : undefined;
    },
  },
  {
    name: 'a local that is given back what another was',
    find(ir, ref) {
      if (ir.kind(ref) !== 'LocalSet') return undefined;
      const value = ir.operands(ref)[0]?.get() as number;
      // The program's own loads are further away.
      if (ir.kind(value) !== 'Load' || ir.get(value, 'Offset') > 255) return undefined;
      const { setOffset } = accessors(binaryen, 'Load');
      return () => setOffset?.(value, ir.get(value, 'Offset') ^ 4);
    },
  },
];

function isOf(ir: Ir, ref: number, kind: string, name: string): boolean {
  return ir.kind(ref) === kind && ir.text(ref, 'Name') === name;
}

/** The constant, when `ref` is `... OP constant`. */
function constantOperand(ir: Ir, ref: number): number | undefined {
  if (ir.kind(ref) !== 'Binary') return undefined;
  const right = ir.operands(ref)[1]?.get() as number;
  const isWord = ir.kind(right) === 'Const' && ir.type(right) === binaryen.i32;
  return isWord ? right : undefined;
}

function isComparison(ir: Ir, ref: number): boolean {
  return ['LeSInt32', 'GtSInt32'].some((op) => binaryen[op] === ir.get(ref, 'Op'));
}

/** The locals that are set to what the fuel register holds. */
function fuelLocalsOf(ir: Ir, body: number): ReadonlySet<number> {
  const locals = new Set<number>();
  ir.walk(body, (ref) => {
    if (ir.kind(ref) !== 'LocalSet') return;
    const [value = 0] = ir.operands(ref).map((operand) => operand.get());
    ir.walk(value, (inner) => {
      if (isOf(ir, inner, 'GlobalGet', FUEL)) locals.add(ir.get(ref, 'Index'));
    });
  });
  return locals;
}

function valueOf(constant: number): number {
  return accessors(binaryen, 'Const')['getValueI32']?.(constant, 0) as unknown as number;
}

function setConstant(constant: number, value: number): void {
  accessors(binaryen, 'Const')['setValueI32']?.(constant, value);
}

/** Break the program's functions in one place, or everywhere; undefined when there is none. */
function breakCode(
  wasm: Uint8Array,
  { find, isEverywhere }: Mutation,
  which: number,
): Uint8Array | undefined {
  const module = binaryen.readBinary(wasm, portableFeatures(binaryen));
  const ir = new Ir(binaryen, module);
  const places: (() => void)[] = [];
  for (const func of ir.definedFunctions()) {
    const { name, body } = binaryen.getFunctionInfo(func);
    if (!/^f\d$/.test(name)) continue;
    const fuelLocals = fuelLocalsOf(ir, body);
    ir.walk(body, (ref) => {
      const place = find(ir, ref, fuelLocals);
      if (place !== undefined) places.push(place);
    });
  }
  const chosen = isEverywhere ? places : places.slice(which % places.length).slice(0, 1);
  for (const place of chosen) place();
  const broken = places.length === 0 ? undefined : module.emitBinary();
  module.dispose();
  return broken;
}

describe(`exactness, seed ${SEED}`, () => {
  test(
    `of ${RUNS} random modules: every variant runs the same`,
    async () => {
      const seen = { programs: 0, refused: 0, finished: 0, trapped: 0, starved: 0, restarts: 0 };
      const count = ({ result }: Outcome): void => {
        const kind = result.failure?.kind;
        if (kind === 'signal') seen.trapped++;
        else if (kind === 'fuel-limit') seen.starved++;
        else seen.finished++;
        seen.restarts += result.restarts;
      };
      const law = fc.asyncProperty(
        guestProgram,
        buildOptions,
        boots,
        async (program, options, starts) => {
          seen.programs++;
          const compiled = compileVariants(program, options);
          if (compiled === undefined) {
            seen.refused++;
            return;
          }
          const difference = await compare(compiled, options, starts, count);
          if (difference !== undefined) throw new Error(difference);
        },
      );

      await fc.assert(law, { seed: SEED, numRuns: RUNS });

      expect(seen.refused).toBeLessThanOrEqual(Math.ceil(seen.programs / 20));
      expect(seen.finished).toBeGreaterThan(seen.programs);
      expect(seen.restarts).toBeGreaterThan(seen.programs / 2 - 50);
    },
    600_000 + RUNS * 1000,
  );

  test.each(MUTATIONS)('notices $name', async (mutation) => {
    const options: BuildOptions = { abi: 'turner', metering: 'block', optimizeLevel: 2 };
    const programs = fc.sample(fc.tuple(guestProgram, boots), { seed: SEED, numRuns: MUTANTS });
    let broken = 0;
    let noticed = 0;
    for (const [index, [program, starts]] of programs.entries()) {
      let isBroken = false;
      const compiled = compileVariants(program, options, (wasm, variant) => {
        const changed = variant === BROKEN ? breakCode(wasm, mutation, index) : undefined;
        isBroken ||= changed !== undefined;
        return changed ?? wasm;
      });
      if (compiled === undefined || !isBroken) continue;
      broken++;
      if ((await compare(compiled, options, starts)) !== undefined) noticed++;
    }
    // The others break what is not executed, or makes no difference.
    expect(noticed).toBeGreaterThan(1);
  });
});
