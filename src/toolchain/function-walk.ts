// One function, walked once, as it would run: both arms of an if, a loop once, its back edges joined to
// its head. The labels are still calls, and loops of restarts are not there yet: what an aborted try
// leaves in a local is for the rules to think of.

import { isAccess } from './access.js';
import type { Ref } from './binaryen.js';
import type { Ir, Kind } from './ir.js';
import type { LabelledSection } from './labels.js';
import type { Event, EventKind, Flows, PreparedStore, SectionFlow } from './section-flow.js';
import { copies, type Merge, Place, type Value, Values } from './values.js';

export interface Walked {
  readonly flows: readonly SectionFlow[];
  /** What the function may return. */
  readonly results: readonly Value[];
  readonly parameters: readonly Value[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface OpenFlow extends SectionFlow {
  readonly events: Event[];
  readonly comparisons: (readonly [Value, Value])[];
  readonly carried: Set<number>;
  readonly prepared: PreparedStore[];
}

/** What is known at one place of the function. */
interface State {
  readonly locals: Value[];
  readonly zeros: ReadonlySet<Value>;
  /** Events that may have been the last. */
  readonly last: readonly Event[];
  /** Stores outside sections that may have been executed. */
  readonly prepared: readonly PreparedStore[];
}

/** A block or loop that can be branched to. */
interface Target {
  readonly name: string;
  readonly section: LabelledSection | undefined;
  /** Of a block: where the branches came from, and the values they brought. */
  readonly arrivals: { readonly state: State; readonly value: Value | undefined }[];
  /** Of a loop: takes a back edge. */
  readonly again: ((state: State) => void) | undefined;
}

const LOADS: ReadonlySet<Kind> = new Set<Kind>(['Load', 'SIMDLoad', 'GlobalGet', 'AtomicNotify']);
const NO_ZEROS: ReadonlySet<Value> = new Set();

export class FunctionWalk {
  readonly #values = new Values();
  readonly #flows: OpenFlow[] = [];
  readonly #targets: Target[] = [];
  readonly #results: Value[] = [];
  readonly ir: Ir;
  readonly sections: readonly LabelledSection[];
  readonly #equal: ReadonlySet<unknown>;
  readonly #unequal: ReadonlySet<unknown>;
  /** undefined where control does not come. */
  #state: State | undefined;
  /** The section that is being walked, and the one that is being prepared. */
  #flow: OpenFlow | undefined;
  #preparing: LabelledSection | undefined;

  constructor(
    readonly program: Flows,
    readonly func: Ref,
  ) {
    this.ir = program.ir;
    this.sections = program.sectionsOf(func);
    const { binaryen } = this.ir;
    this.#equal = new Set([binaryen['EqInt32'], binaryen['EqInt64']]);
    this.#unequal = new Set([binaryen['NeInt32'], binaryen['NeInt64']]);
  }

  walk(): Walked {
    const count = this.ir.binaryen.Function.getNumLocals(this.func);
    const locals = Array.from({ length: count }, () => this.#unknown(0));
    this.#state = { locals, zeros: NO_ZEROS, last: [], prepared: [] };
    const last = this.#visit(this.ir.binaryen.Function.getBody(this.func));
    const { params } = this.ir.binaryen.getFunctionInfo(this.func);
    const parameters = locals.slice(0, this.ir.binaryen.expandType(params).length);
    return { flows: this.#flows, results: [...this.#results, last], parameters };
  }

  /** The value of the expression, after what it does. */
  #visit(ref: Ref): Value {
    const { ir } = this;
    const kind = ir.kind(ref);
    switch (kind) {
      case 'Block':
        return this.#visitBlock(ref);
      case 'If':
        return this.#visitIf(ref);
      case 'Loop':
        return this.#visitLoop(ref);
      case 'LocalGet':
        return this.#read(ir.get(ref, 'Index'));
      case 'Const':
        return this.#values.make('const', ref, constantText(ir, ref));
      default:
        return this.#finish(ref, kind, this.#visitOperands(ref));
    }
  }

  #visitOperands(ref: Ref): Value[] {
    return this.ir.operands(ref).map((operand) => this.#visit(operand.get()));
  }

  /** The expression itself, its operands having been visited. */
  #finish(ref: Ref, kind: Kind, inputs: readonly Value[]): Value {
    const { ir } = this;
    switch (kind) {
      case 'LocalSet':
        return this.#assign(ref, ir.get(ref, 'Index'), inputs[0] as Value);
      case 'Break':
        return this.#branch(ref, inputs);
      case 'Switch':
        for (const name of new Set(ir.switchNames(ref))) this.#arrive(name, undefined);
        return this.#stop();
      case 'Return':
        this.#results.push(...inputs);
        this.#leave();
        return this.#stop();
      case 'Unreachable':
        return this.#stop();
      case 'Call':
        return this.#call(ref, inputs);
      case 'CallIndirect':
      case 'MemoryGrow':
        return this.#unknown(ref);
      case 'Select':
        return this.#values.merge(inputs.slice(0, 2));
      case 'GlobalGet':
      case 'GlobalSet':
        return this.#global(ref, kind, inputs[0]);
      default:
        if (isAccess(ir, ref)) return this.#access(ref, kind, inputs);
        return this.#operator(ref, kind, inputs);
    }
  }

  #call(ref: Ref, inputs: readonly Value[]): Value {
    const { ir, program } = this;
    if (ir.isCallOf(ref, program.thread)) return this.#values.make('thread', ref, '');
    if (ir.isCallOf(ref, program.percpuBase)) return this.#cpu(ref, 'percpuBase()');
    if (ir.isCallOf(ref, program.cpuId)) {
      // Unlike the base, which is a register, the id is in memory.
      this.#record('load', ref);
      return this.#cpu(ref, 'cpuId()');
    }
    const name = ir.text(ref, 'Target');
    const { kind, passes } = program.resultOf(name);
    const cpu = kind === undefined ? [] : [this.#cpu(ref, `the CPU of ${name}()`)];
    if (kind === 'load') return this.#values.make('load', ref, name, cpu);
    // What else is in it is not known.
    const known = [...cpu, ...passes.map((index) => inputs[index] as Value)];
    return this.#values.make('op', ref, name, [this.#unknown(ref), ...known]);
  }

  #cpu(ref: Ref, name: string): Value {
    return this.#values.make('cpu', ref, name);
  }

  #global(ref: Ref, kind: Kind, stored: Value | undefined): Value {
    const symbol = this.#values.make('global', ref, this.ir.text(ref, 'Name'));
    if (!isAccess(this.ir, ref)) return symbol;
    return this.#access(ref, kind, stored === undefined ? [symbol] : [symbol, stored]);
  }

  #access(ref: Ref, kind: Kind, inputs: readonly Value[]): Value {
    const { ir } = this;
    const [address, ...rest] = inputs as [Value, ...Value[]];
    const hasOffset = !kind.startsWith('Memory') && !kind.startsWith('Global');
    const offset = hasOffset ? ir.get(ref, 'Offset') : 0;
    const place = new Place(address, offset);
    const isLoad = LOADS.has(kind) || (kind === 'SIMDLoadStoreLane' && this.#hasResult(ref));
    if (isLoad) this.#record('load', ref, { place });
    else this.#recordStore(ref, kind, place, rest);
    if (!this.#hasResult(ref)) return this.#unknown(ref);
    const load = this.#values.make('load', ref, '', [address], offset);
    if (kind === 'AtomicCmpxchg') this.#flow?.comparisons.push([load, rest[0] as Value]);
    return load;
  }

  #recordStore(ref: Ref, kind: Kind, place: Place, rest: readonly Value[]): void {
    const value = this.#storedValue(ref, kind, place, rest);
    this.#record('store', ref, { place, value });
    if (this.#flow !== undefined || this.#state === undefined) return;
    const prepared = [...this.#state.prepared, { place, value }];
    this.#state = { ...this.#state, prepared };
  }

  #storedValue(ref: Ref, kind: Kind, { address }: Place, rest: readonly Value[]): Value {
    if (kind === 'MemoryCopy') return this.#values.make('load', ref, '', rest.slice(0, 1));
    const stored = rest.at(-1) as Value;
    if (!kind.startsWith('Atomic')) return stored;
    const found = this.#values.make('load', ref, '', [address], this.ir.get(ref, 'Offset'));
    return this.#values.make('op', ref, kind, [found, stored]);
  }

  #hasResult(ref: Ref): boolean {
    return this.ir.type(ref) !== this.ir.binaryen.none;
  }

  #operator(ref: Ref, kind: Kind, inputs: readonly Value[]): Value {
    const { ir } = this;
    if (!this.#hasResult(ref)) return this.#unknown(ref);
    if (kind !== 'Binary' && kind !== 'Unary') return this.#values.make('op', ref, kind, inputs);
    const operator = ir.get(ref, 'Op');
    const isComparison = this.#equal.has(operator) || this.#unequal.has(operator);
    if (isComparison) this.#flow?.comparisons.push(inputs as [Value, Value]);
    const name = operator === ir.binaryen['AddInt32'] ? 'add' : `${kind}.${operator}`;
    return this.#values.make('op', ref, name, inputs);
  }

  #unknown(ref: Ref): Value {
    return this.#values.make('unknown', ref, '');
  }

  // --- locals

  #read(local: number): Value {
    const value = this.#state?.locals[local] ?? this.#unknown(0);
    for (const copy of copies(value)) {
      const { section, index } = copy;
      if (copy.kind !== 'entry' || section === this.#preparing) continue;
      this.#flows.find((flow) => flow.section === section)?.carried.add(index);
    }
    return value;
  }

  #assign(ref: Ref, local: number, value: Value): Value {
    if (this.#state === undefined) return value;
    this.#record('set', ref, { local });
    const locals = [...this.#state.locals];
    locals[local] = value;
    this.#state = { ...this.#state, locals };
    return value;
  }

  // --- control

  #visitBlock(ref: Ref): Value {
    const target = this.#open(this.ir.text(ref, 'Name'));
    let value = this.#unknown(ref);
    this.ir.operands(ref).forEach((child, index) => {
      for (const section of this.sections) this.#atLabel(section, ref, index);
      value = this.#visit(child.get());
    });
    this.#targets.pop();
    return this.#join(ref, target, value);
  }

  #join(ref: Ref, { arrivals }: Target, value: Value): Value {
    if (arrivals.length === 0) return value;
    const ways =
      this.#state === undefined ? arrivals : [...arrivals, { state: this.#state, value }];
    this.#state = this.#mergeStates(ways.map(({ state }) => state));
    if (!this.#hasResult(ref)) return value;
    return this.#values.merge(ways.map((way) => way.value ?? value));
  }

  #visitIf(ref: Ref): Value {
    const [condition, ifTrue, ifFalse] = this.ir.operands(ref).map((operand) => operand.get());
    const [whenTrue, whenFalse] = this.#zeros(this.#visit(condition as Ref));
    const before = this.#state;
    const arm = (body: Ref | undefined, zero: Value | undefined): Value => {
      this.#state = before && withZero(before, zero);
      return body === undefined ? this.#unknown(ref) : this.#visit(body);
    };
    const first = arm(ifTrue, whenTrue);
    const afterTrue = this.#state;
    const second = arm(ifFalse, whenFalse);
    const afterFalse = this.#state;
    this.#state = this.#mergeStates([afterTrue, afterFalse]);
    if (afterTrue === undefined) return second;
    if (afterFalse === undefined || !this.#hasResult(ref)) return first;
    return this.#values.merge([first, second]);
  }

  /** What is 0 when `condition` is true, and when it is false. */
  #zeros(condition: Value): [Value | undefined, Value | undefined] {
    const { binaryen } = this.ir;
    const { name, inputs } = condition;
    if (name === `Unary.${binaryen['EqZInt32']}` || name === `Unary.${binaryen['EqZInt64']}`) {
      return [inputs[0], undefined];
    }
    const [left, right] = inputs;
    const isZero = right?.kind === 'const' && Number(right.name) === 0;
    const operator = Number(name.replace('Binary.', ''));
    if (isZero && this.#equal.has(operator)) return [left, undefined];
    if (isZero && this.#unequal.has(operator)) return [undefined, left];
    return [undefined, condition];
  }

  #visitLoop(ref: Ref): Value {
    const before = this.#state;
    const head = this.#record('loop', ref);
    const merges = new Map<number, Merge>();
    if (before !== undefined) {
      for (const local of this.#assignedIn(ref)) {
        merges.set(local, this.#values.openMerge(before.locals[local] as Value));
      }
      const locals = before.locals.map((value, local) => merges.get(local) ?? value);
      const last = head === undefined ? before.last : [head];
      this.#state = { ...before, locals, last };
    }
    this.#open(this.ir.text(ref, 'Name'), (state) => {
      for (const [local, merge] of merges) merge.inputs.push(state.locals[local] as Value);
      if (head !== undefined) for (const event of state.last) event.after.push(head);
    });
    const [body] = this.ir.operands(ref);
    const value = this.#visit(body?.get() as Ref);
    this.#targets.pop();
    return value;
  }

  #assignedIn(loop: Ref): ReadonlySet<number> {
    const locals = new Set<number>();
    this.ir.walk(loop, (ref, kind) => {
      if (kind === 'LocalSet') locals.add(this.ir.get(ref, 'Index'));
    });
    return locals;
  }

  #open(name: string, again?: (state: State) => void): Target {
    const target = { name, section: this.#flow?.section, arrivals: [], again };
    this.#targets.push(target);
    return target;
  }

  #branch(ref: Ref, inputs: readonly Value[]): Value {
    const operands = this.ir.operands(ref);
    const at = operands.findIndex(({ name }) => name === 'Condition');
    const value = operands[0]?.name === 'Value' ? inputs[0] : undefined;
    if (at < 0) {
      this.#arrive(this.ir.text(ref, 'Name'), value);
      return this.#stop();
    }
    const [whenTrue, whenFalse] = this.#zeros(inputs[at] as Value);
    const before = this.#state;
    this.#state = before && withZero(before, whenTrue);
    this.#arrive(this.ir.text(ref, 'Name'), value);
    this.#state = before && withZero(before, whenFalse);
    return value ?? this.#unknown(ref);
  }

  #arrive(name: string, value: Value | undefined): void {
    // Names are unique in a function.
    const target = this.#targets.find((each) => each.name === name);
    const state = this.#state;
    if (target === undefined || state === undefined) return;
    if (target.section !== this.#flow?.section) this.#leave();
    target.again?.(state);
    target.arrivals.push({ state, value });
  }

  #stop(): Value {
    this.#state = undefined;
    return this.#unknown(0);
  }

  #mergeStates(states: readonly (State | undefined)[]): State | undefined {
    const live = states.filter((state) => state !== undefined);
    const [first] = live;
    if (first === undefined || live.length === 1) return first;
    const locals = first.locals.map((value, local) => {
      const inputs = live.map((state) => state.locals[local] as Value);
      return inputs.every((input) => input === value) ? value : this.#values.merge(inputs);
    });
    const zeros = [...first.zeros].filter((zero) => live.every((state) => state.zeros.has(zero)));
    const last = [...new Set(live.flatMap((state) => state.last))];
    const prepared = [...new Set(live.flatMap((state) => state.prepared))];
    return { locals, zeros: new Set(zeros), last, prepared };
  }

  // --- sections

  #atLabel(section: LabelledSection, block: Ref, index: number): void {
    if (block === section.restart.block && index === section.restart.index) this.#prepare(section);
    if (block !== section.start.block) return;
    if (index === section.start.index) this.#enter(section);
    if (index === section.endIndex) this.#end();
  }

  /** Every local is what it was before restart(), the first time: see `carried`. */
  #prepare(section: LabelledSection): void {
    this.#preparing = section;
    this.#flows.push({
      section,
      events: [],
      exit: newEvent('exit', 0),
      comparisons: [],
      carried: new Set(),
      prepared: [],
    });
    if (this.#state === undefined) return;
    this.#values.section = section;
    const locals = this.#state.locals.map((value, local) => this.#values.entry(local, value));
    this.#values.section = undefined;
    this.#state = { ...this.#state, locals };
  }

  #enter(section: LabelledSection): void {
    this.#preparing = undefined;
    this.#flow = this.#flows.find((flow) => flow.section === section);
    this.#flow?.prepared.push(...(this.#state?.prepared ?? []));
    this.#values.section = section;
    if (this.#state !== undefined) this.#state = { ...this.#state, last: [] };
    this.#record('start', 0);
  }

  #end(): void {
    this.#leave();
    this.#flow = undefined;
    this.#values.section = undefined;
    if (this.#state !== undefined) this.#state = { ...this.#state, last: [] };
  }

  #leave(): void {
    const exit = this.#flow?.exit;
    if (exit === undefined) return;
    for (const event of this.#state?.last ?? []) event.after.push(exit);
  }

  #record(kind: EventKind, ref: Ref, about: Partial<Event> = {}): Event | undefined {
    if (this.#flow === undefined || this.#state === undefined) return undefined;
    const event = { ...newEvent(kind, ref), ...about, zeros: this.#state.zeros };
    for (const before of this.#state.last) before.after.push(event);
    this.#flow.events.push(event);
    this.#state = { ...this.#state, last: [event] };
    return event;
  }
}

function newEvent(kind: EventKind, ref: Ref): Mutable<Event> {
  return { kind, ref, after: [], place: undefined, value: undefined, zeros: NO_ZEROS, local: -1 };
}

function withZero(state: State, zero: Value | undefined): State {
  return zero === undefined ? state : { ...state, zeros: new Set([...state.zeros, zero]) };
}

/** As in the text form, without the type: '0' of i32.const 0. */
function constantText(ir: Ir, ref: Ref): string {
  return / (\S+)\)/.exec(ir.binaryen.Expression.toText(ref))?.[1] ?? '';
}
