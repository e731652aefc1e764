// What a function computes, as far as it can be told without running it: a value is the expression
// that made it over the values it was made from. A local is what was last assigned to it; where control
// flow joins, a merge of what it may be. Two values have one shape when they are the same expression
// over the same shapes; a load of the same address has the same shape at any time.

import type { Ref } from './binaryen.js';
import type { LabelledSection } from './labels.js';

/**
 * cpu: the CPU id or the per-CPU base. thread: the thread pointer. load: from memory or from a mutable
 * global; its input is the address. merge: one of its inputs. entry: a local as it was at restart().
 * unknown: a parameter, the result of a call.
 */
export type ValueKind =
  | 'const'
  | 'global'
  | 'unknown'
  | 'cpu'
  | 'thread'
  | 'load'
  | 'op'
  | 'merge'
  | 'entry';

export interface Value {
  readonly kind: ValueKind;
  readonly shape: number;
  /** A merge at the head of a loop gets those of the back edges later. */
  readonly inputs: readonly Value[];
  /** The expression; 0 when it is none. */
  readonly ref: Ref;
  /** The section it was computed in. */
  readonly section: LabelledSection | undefined;
  /** What the operator is called, or the constant's text, or the global's name. */
  readonly name: string;
  /** Bytes added to the address of a load; the local of an entry. */
  readonly index: number;
}

export type Merge = Value & { readonly inputs: Value[] };

const ADD = 'add';

export class Values {
  readonly #shapes = new Map<string, number>();
  #fresh = 0;
  /** Where the values that are made now are computed. */
  section: LabelledSection | undefined;

  make(kind: ValueKind, ref: Ref, name: string, inputs: readonly Value[] = [], index = 0): Value {
    const shape = this.#shapeOf(kind, name, inputs, index);
    return { kind, shape, inputs, ref, section: this.section, name, index };
  }

  merge(inputs: readonly Value[]): Merge {
    const [first] = inputs;
    const isSame = first !== undefined && inputs.every(({ shape }) => shape === first.shape);
    return { ...this.#join(isSame ? first.shape : this.#newShape()), inputs: [...inputs] };
  }

  /** A merge that is to get further inputs. */
  openMerge(first: Value): Merge {
    return { ...this.#join(this.#newShape()), inputs: [first] };
  }

  entry(local: number, before: Value): Value {
    const { shape } = before;
    const { section } = this;
    return { kind: 'entry', shape, inputs: [before], ref: 0, section, name: '', index: local };
  }

  #join(shape: number): Value {
    const { section } = this;
    return { kind: 'merge', shape, inputs: [], ref: 0, section, name: '', index: 0 };
  }

  #shapeOf(kind: ValueKind, name: string, inputs: readonly Value[], index: number): number {
    if (kind === 'unknown') return this.#newShape();
    const key = [kind, name, index, ...inputs.map(({ shape }) => shape)].join(' ');
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      shape = this.#newShape();
      this.#shapes.set(key, shape);
    }
    return shape;
  }

  #newShape(): number {
    return this.#fresh++;
  }
}

/** The values that `value` was made from, itself too, going on into those that `isOpen`. */
export function reach(value: Value, isOpen: (value: Value) => boolean): ReadonlySet<Value> {
  const seen = new Set<Value>([value]);
  for (const each of seen) {
    if (isOpen(each)) for (const input of each.inputs) seen.add(input);
  }
  return seen;
}

/** What it was computed from by arithmetic, and not by looking into memory. */
export function arithmetic(value: Value): ReadonlySet<Value> {
  return reach(value, ({ kind }) => kind !== 'load');
}

/** What it may be a copy of. */
export function copies(value: Value): ReadonlySet<Value> {
  return reach(value, ({ kind }) => kind === 'merge' || kind === 'entry');
}

export function dependsOn(value: Value, kind: ValueKind): boolean {
  return [...reach(value, () => true)].some((each) => each.kind === kind);
}

/** An address: the sum of some terms and a constant. */
export class Place {
  /** Shapes of the terms, sorted. */
  readonly terms: readonly number[];
  readonly bytes: number;

  constructor(
    readonly address: Value,
    offset = 0,
  ) {
    const terms: number[] = [];
    this.bytes = offset + addTerms(address, terms);
    this.terms = terms.sort((a, b) => a - b);
  }

  equals(other: Place): boolean {
    return this.bytes === other.bytes && `${this.terms}` === `${other.terms}`;
  }

  /** True when one is the other plus something: two fields, a field and an element. */
  isBeside(other: Place): boolean {
    if (this.terms.length === 0 || other.terms.length === 0) {
      return this.address.shape === other.address.shape;
    }
    const [few, many] =
      this.terms.length < other.terms.length
        ? [this.terms, other.terms]
        : [other.terms, this.terms];
    return few.every((term) => many.includes(term));
  }
}

function addTerms(sum: Value, terms: number[]): number {
  const value = beforeEntry(sum);
  if (value.kind === 'const') return Number(value.name);
  if (value.kind === 'op' && value.name === ADD) {
    return value.inputs.reduce((bytes, input) => bytes + addTerms(input, terms), 0);
  }
  terms.push(value.shape);
  return 0;
}

/** True when `value` is what memory held at `place`, on every way that both may have come. */
export function isLoadOf(value: Value, place: Place): boolean {
  const { kind, inputs, index } = beforeEntry(value);
  if (kind === 'load') return new Place(inputs[0] as Value, index).equals(place);
  // slot and load(slot), both assigned in the same places.
  const { address, bytes } = place;
  if (kind !== 'merge' || address.kind !== 'merge' || bytes !== 0) return false;
  return (
    inputs.length === address.inputs.length &&
    inputs.every((input, at) => {
      const isLoad = beforeEntry(input).kind === 'load';
      return isLoad && isLoadOf(input, new Place(address.inputs[at] as Value));
    })
  );
}

function beforeEntry(value: Value): Value {
  return value.kind === 'entry' ? beforeEntry(value.inputs[0] as Value) : value;
}
