// What the sections of a module do: the accesses and assignments of each as a graph of events, with the
// values they work on. function-walk.ts finds them, a function at a time; what a call gives is looked up
// here, in the function that is called.

import { RSEQ_MODULE } from '../abi/module.js';
import type { Ref } from './binaryen.js';
import { FunctionWalk, type Walked } from './function-walk.js';
import type { Ir } from './ir.js';
import type { LabelledSection } from './labels.js';
import { arithmetic, type Place, reach, type Value } from './values.js';

/** store: also what copies or fills memory, and read-modify-writes. set: of a local. loop: its head. */
export type EventKind = 'start' | 'load' | 'store' | 'loop' | 'set' | 'exit';

export interface Event {
  readonly kind: EventKind;
  readonly ref: Ref;
  /** What may come next. */
  readonly after: Event[];
  /** Of a load or store. */
  readonly place: Place | undefined;
  /** Of a store. */
  readonly value: Value | undefined;
  /** What is 0 on the way that led here. */
  readonly zeros: ReadonlySet<Value>;
  /** Of a set. */
  readonly local: number;
}

export interface SectionFlow {
  readonly section: LabelledSection;
  readonly events: readonly Event[];
  readonly exit: Event;
  /** Pairs of values that the section has compared. */
  readonly comparisons: readonly (readonly [Value, Value])[];
  /** Locals that are read, in the section or behind it, where they may be as they were at restart(). */
  readonly carried: ReadonlySet<number>;
  /** Stores in front of restart() and between it and start(). */
  readonly prepared: readonly PreparedStore[];
}

/** A store outside every section, as into a node that the section is to publish. */
export interface PreparedStore {
  readonly place: Place;
  readonly value: Value;
}

/** What a function gives: the CPU, or data found with that; and arguments that it has computed with. */
interface CallResult {
  readonly kind: 'cpu' | 'load' | undefined;
  readonly passes: readonly number[];
}

const UNKNOWN_RESULT: CallResult = { kind: undefined, passes: [] };

/** The sections of a module whose registers are still imports. */
export class Flows {
  readonly cpuId: ReadonlySet<string>;
  readonly percpuBase: ReadonlySet<string>;
  readonly thread: ReadonlySet<string>;
  readonly #results = new Map<string, CallResult>();

  constructor(
    readonly ir: Ir,
    readonly sectionsOf: (func: Ref) => readonly LabelledSection[],
  ) {
    this.cpuId = ir.importNames(RSEQ_MODULE, 'cpu_id');
    this.percpuBase = ir.importNames(RSEQ_MODULE, 'gs');
    this.thread = ir.importNames(RSEQ_MODULE, 'tp');
  }

  /** Of a function with sections. */
  follow(func: Ref): readonly SectionFlow[] {
    return new FunctionWalk(this, func).walk().flows;
  }

  resultOf(name: string): CallResult {
    const known = this.#results.get(name);
    if (known !== undefined) return known;
    // A function that calls itself meanwhile gives nothing known.
    this.#results.set(name, UNKNOWN_RESULT);
    const func = this.ir.module.getFunction(name);
    if (this.ir.binaryen.Function.getBody(func) === 0) return UNKNOWN_RESULT;
    const result = callResult(new FunctionWalk(this, func).walk());
    this.#results.set(name, result);
    return result;
  }
}

/** What a section of the function has found is its result, and as good as that. */
function callResult({ results, parameters }: Walked): CallResult {
  const parts = new Set(results.flatMap((result) => [...arithmetic(result)]));
  const passes = parameters.flatMap((parameter, index) => (parts.has(parameter) ? [index] : []));
  return { kind: kindOf([...parts]), passes };
}

function kindOf(parts: readonly Value[]): CallResult['kind'] {
  if (parts.some(isCpu)) return 'cpu';
  const isPercpu = parts.some((part) => [...reach(part, isOutside)].some(isCpu));
  return isPercpu ? 'load' : undefined;
}

function isOutside({ section }: Value): boolean {
  return section === undefined;
}

function isCpu(value: Value): boolean {
  return value.kind === 'cpu' && isOutside(value);
}
