// Our transform for resumability. A function in which the thread may be suspended becomes
//
//     block SAVE {
//       block YIELD {
//         if (state is rewinding) { pop the frame; br to the call it names }
//         ... call f; if (state is unwinding) { index = 1; br SAVE }; ...
//         ... if (fuel is spent) { index = 2; ip = 0x1007; br YIELD; go on here }; ...
//       }
//       call point(ip)
//     }
//     push a frame: the live locals and the index; return anything
//
// The code keeps its shape but for the blocks, ifs and loops around such calls. Their parts are strung
// together in regions, one a function and one a loop. All blocks of a region begin at its head, so the
// head can branch to the front of every call in it, and to every inner loop, which goes on from its own
// head. A loop's head asks for fuel anyway, and fuel is 0 on the way to a call: so the way there stands in
// the arm that is taken when there is none, and costs nothing otherwise.
//
// An interruption point is no call where it stands, but at the function's end when the thread stops and
// at its beginning when it goes on: a call in a loop, however cold, would have the engine keep the loop's
// locals in memory.

import type { Ref, Type } from './binaryen.js';
import { type Ir, ToolchainError } from './ir.js';
import { isIn, liveAfterCalls, type Locals } from './liveness.js';
import { FUEL, POINT, SECTION_POINT } from './names.js';
import type { RegisterLocals } from './meter.js';
import { makeStatements } from './statements.js';
import { POINT_VALUE, REWINDING, STACK, STATE, TARGET } from './suspend.js';
import { SuspendingCalls } from './suspending.js';

const NO_REGISTERS: RegisterLocals = new Map();

/** registers: the locals that hold registers, by function. Errors: ToolchainError. */
export function addFrames(ir: Ir, registers: ReadonlyMap<string, RegisterLocals>): void {
  const calls = new SuspendingCalls(ir);
  for (const func of ir.definedFunctions()) {
    const { name } = ir.binaryen.getFunctionInfo(func);
    if (!calls.isSuspending(name)) continue;
    const body = makeStatements(ir, func, calls);
    new FunctionFrames(ir, func, calls, registers.get(name) ?? NO_REGISTERS, body).add();
  }
}

const SAVE = 'rseq.save';
const YIELD = 'rseq.yield';

// Kinds of calls, in the index.
const AT_POINT = 1;
const IN_SECTION = 2;

/** Code that is entered at its head, and left to inner regions. */
class Region {
  /** A name closes the block of that label, which begins at the head. */
  readonly items: Item[] = [];
  /** The arm of the head's fuel check, and where in `items` the check belongs. */
  check: { readonly condition: Ref; readonly arm: Region; readonly at: number } | undefined;

  constructor(
    readonly firstCall: number,
    readonly entries: Entry[] = [],
  ) {}
}

/** A call, or an inner loop with calls. */
interface Entry {
  readonly label: string;
  /** Number of the last call it leads to. */
  readonly last: number;
  /** A loop in which the thread stops at the head only: it goes on from there with the fuel there is. */
  readonly isPlainLoop: boolean;
}

type Item = Ref | string;

class FunctionFrames {
  readonly #name: string;
  readonly #i32: Type;
  /** Four times the number of the call in which the thread is suspended, and what kind it is of. */
  readonly #index: number;
  /** Address of the point that yields. */
  readonly #ip: number;
  readonly #base: number;
  readonly #spine: ReadonlySet<Ref>;
  /** What is needed after each call. */
  readonly #live: readonly Locals[];
  /** The locals that a frame holds. */
  readonly #saved: readonly number[];
  /** The functions that the points of this one call. */
  readonly #points = new Set<typeof POINT | typeof SECTION_POINT>();
  /** Numbers begin at 1. */
  #callCount = 0;
  #labelCount = 0;
  /** The locals written in the innermost loop around. */
  #written: ReadonlySet<number> = new Set();

  constructor(
    readonly ir: Ir,
    readonly func: Ref,
    readonly calls: SuspendingCalls,
    readonly registers: RegisterLocals,
    readonly body: Ref,
  ) {
    this.#i32 = ir.binaryen.i32;
    this.#name = ir.binaryen.getFunctionInfo(func).name;
    this.#index = ir.addLocal(func, this.#i32);
    this.#ip = ir.addLocal(func, this.#i32);
    this.#base = ir.addLocal(func, this.#i32);
    // They are loaded behind a call, and until then fuel must be 0.
    const held = new Set(registers.values());
    this.#spine = calls.spine(body);
    this.#live = liveAfterCalls(ir, body, calls);
    const all = this.#live.reduce((union, live) => union | live, 0n);
    const locals = Array.from({ length: this.#index }, (_, local) => local);
    this.#saved = locals.filter((local) => isIn(all, local) && !held.has(local));
  }

  add(): void {
    const { ir } = this;
    const { module, binaryen } = ir;
    if (this.#spine.size === 0) {
      // What looked like a call that may suspend was never reached.
      binaryen.Function.setBody(this.func, this.body);
      return;
    }
    const region = new Region(1);
    this.#string(this.body, region);
    const { results } = binaryen.getFunctionInfo(this.func);
    if (results === binaryen.none) region.items.push(module.return());
    const { bytes, slots } = this.#layout();
    const resume = this.#when(this.#isRewinding(), [
      module.global.set(STACK, this.#stackPlus(-bytes)),
      module.local.set(this.#base, module.global.get(STACK, this.#i32)),
      ...slots.map((slot) => this.#restore(slot)),
      ...this.#resumePoint(),
      module.global.set(TARGET, this.#get(this.#index)),
      ...this.#branchToEntry(region),
    ]);
    const code = module.block(YIELD, this.#children(region, [resume]), binaryen.none);
    const save = [
      module.local.set(this.#base, module.global.get(STACK, this.#i32)),
      module.global.set(STACK, this.#stackPlus(bytes)),
      ...slots.map((slot) => this.#save(slot)),
      module.return(this.#zero(results)),
    ];
    const ip = this.#get(this.#ip);
    const rest = this.#points.size === 0 ? [] : [module.drop(this.#callPoint(ip))];
    const whole = module.block(SAVE, [code, ...rest], binaryen.none);
    binaryen.Function.setBody(this.func, ir.sequence([whole, ...save], binaryen.unreachable));
  }

  /** Of a function that stopped at a point: go on in there first. */
  #resumePoint(): Ref[] {
    if (this.#points.size === 0) return [];
    const { module } = this.ir;
    const value = this.#callPoint(module.i32.const(0));
    const goOn = [module.global.set(POINT_VALUE, value), module.br(SAVE, this.#isUnwinding())];
    return [this.#when(this.#isKind(AT_POINT), goOn)];
  }

  /** Call the function of the point that `index` says the thread is at. */
  #callPoint(ip: Ref): Ref {
    const { module } = this.ir;
    const [only = POINT, other] = this.#points;
    if (other === undefined) return module.call(only, [ip], this.#i32);
    const ordinary = module.call(POINT, [this.ir.module.copyExpression(ip)], this.#i32);
    const ofSection = module.call(SECTION_POINT, [ip], this.#i32);
    return module.if(this.#isKind(IN_SECTION), ofSection, ordinary);
  }

  #isKind(kind: number): Ref {
    const { module } = this.ir;
    const and = module.i32['and'] as (a: Ref, b: Ref) => Ref;
    return and(this.#get(this.#index), module.i32.const(kind));
  }

  #string(ref: Ref, region: Region): void {
    if (!this.#spine.has(ref)) {
      region.items.push(ref);
      return;
    }
    switch (this.ir.kind(ref)) {
      case 'Block':
        return this.#stringBlock(ref, region);
      case 'If':
        return this.#stringIf(ref, region);
      case 'Loop':
        return this.#stringLoop(ref, region);
      default:
        return this.#stringCall(ref, region);
    }
  }

  #stringBlock(ref: Ref, region: Region): void {
    for (const child of this.ir.operands(ref)) this.#string(child.get(), region);
    const name = this.ir.text(ref, 'Name');
    if (name !== '') region.items.push(name);
  }

  /** br_if else (not condition); ...; br end; else: ...; end: */
  #stringIf(ref: Ref, region: Region): void {
    const { module } = this.ir;
    const [condition, ifTrue, ifFalse] = this.ir.operands(ref).map((operand) => operand.get());
    if (ifFalse === undefined && this.#isHeadCheck(ref, region)) {
      const arm = new Region(region.firstCall, region.entries);
      region.check = { condition: condition as Ref, arm, at: region.items.length };
      this.#string(ifTrue as Ref, arm);
      return;
    }
    const end = this.#newLabel();
    const otherwise = ifFalse === undefined ? end : this.#newLabel();
    const not = module.i32['eqz'] as (value: Ref) => Ref;
    region.items.push(module.br(otherwise, not(condition as Ref)));
    this.#string(ifTrue as Ref, region);
    if (ifFalse !== undefined) {
      region.items.push(module.br(end), otherwise);
      this.#string(ifFalse, region);
    }
    region.items.push(end);
  }

  /** True for the first thing at a head, before which nothing has happened but to registers. */
  #isHeadCheck(ref: Ref, region: Region): boolean {
    const { ir } = this;
    if (region.check !== undefined || region.entries.length > 0) return false;
    const condition = ir.operands(ref)[0]?.get() as Ref;
    if (ir.kind(condition) !== 'Binary') return false;
    if (ir.get(condition, 'Op') !== ir.binaryen['LeSInt32']) return false;
    const [left, right] = ir.operands(condition).map((operand) => operand.get()) as [Ref, Ref];
    const isFuel =
      ir.kind(left) === 'LocalGet' && ir.get(left, 'Index') === this.registers.get(FUEL);
    if (!isFuel || ir.kind(right) !== 'Const' || ir.get(right, 'ValueI32') !== 0) return false;
    const held = new Set(this.registers.values());
    return region.items.every(
      (item) =>
        typeof item === 'number' && ir.kind(item) === 'LocalSet' && held.has(ir.get(item, 'Index')),
    );
  }

  #stringLoop(ref: Ref, region: Region): void {
    const label = this.#newLabel();
    region.items.push(label);
    const inner = new Region(this.#callCount + 1);
    const [body] = this.ir.operands(ref);
    const outerWritten = this.#written;
    this.#written = writtenLocals(this.ir, ref);
    this.#string(body?.get() as Ref, inner);
    this.#written = outerWritten;
    const isPlainLoop = this.#isPlainLoop(ref, inner);
    region.entries.push({ label, last: this.#callCount, isPlainLoop });
    const { module } = this.ir;
    const target = module.global.get(TARGET, this.#i32);
    const toEntries = isPlainLoop ? [] : [this.#when(target, this.#branchToEntry(inner))];
    const children = this.#children(inner, toEntries);
    const name = this.ir.text(ref, 'Name') || null;
    region.items.push(module.loop(name, module.block(null, children)));
  }

  #isPlainLoop(loop: Ref, { check, entries }: Region): boolean {
    const { ir } = this;
    const last = check?.arm.items.at(-1);
    const asksAgain =
      typeof last === 'number' &&
      ir.kind(last) === 'Break' &&
      ir.text(last, 'Name') === ir.text(loop, 'Name');
    return asksAgain && entries.length === 1;
  }

  /**
   * A local that is written in the loop and not needed after the call is 0 in the frame: what it happens
   * to hold would have to be kept from turn to turn.
   */
  #clearDead(): Ref[] {
    const live = this.#live[this.#callCount - 1] as Locals;
    const dead = this.#saved.filter((local) => this.#written.has(local) && !isIn(live, local));
    return dead.map((local) => {
      const zero = this.#zero(this.ir.localType(this.func, local)) as Ref;
      return this.ir.module.local.set(local, zero);
    });
  }

  #stringCall(ref: Ref, region: Region): void {
    const label = this.#newLabel();
    this.#callCount++;
    region.entries.push({ label, last: this.#callCount, isPlainLoop: false });
    const point = this.#pointCall(ref);
    if (point === undefined) this.#stringPlainCall(ref, label, region);
    else this.#stringPoint(ref, point, label, region);
  }

  #stringPlainCall(ref: Ref, label: string, region: Region): void {
    const leave = [...this.#clearDead(), this.#setIndex(0), this.ir.module.br(SAVE)];
    region.items.push(label, ref, this.#when(this.#isUnwinding(), leave));
  }

  #stringPoint(ref: Ref, call: Ref, label: string, region: Region): void {
    const { module, binaryen } = this.ir;
    const { items } = region;
    const isInSection = this.ir.text(call, 'Target') === SECTION_POINT;
    this.#points.add(isInSection ? SECTION_POINT : POINT);
    const ip = this.ir.operands(call)[0]?.get() as Ref;
    items.push(...this.#clearDead());
    items.push(this.#setIndex(isInSection ? AT_POINT | IN_SECTION : AT_POINT));
    items.push(module.local.set(this.#ip, ip));
    items.push(module.br(YIELD));
    items.push(label, ...this.#arrive());
    if (this.ir.kind(ref) !== 'LocalSet') return;
    const value = module.global.get(POINT_VALUE, binaryen.i32);
    items.push(module.local.set(this.ir.get(ref, 'Index'), value));
  }

  /** The call of a point, undefined for a statement with any other call. */
  #pointCall(statement: Ref): Ref | undefined {
    const { ir } = this;
    const [operand = statement] = ir.operands(statement).map((each) => each.get());
    const call = ir.kind(statement) === 'Call' ? statement : operand;
    const name = ir.kind(call) === 'Call' ? ir.text(call, 'Target') : '';
    return name === POINT || name === SECTION_POINT ? call : undefined;
  }

  #setIndex(kind: number): Ref {
    const { module } = this.ir;
    return module.local.set(this.#index, module.i32.const(this.#callCount * 4 + kind));
  }

  #branchToEntry({ entries, firstCall }: Region): Ref[] {
    const { module } = this.ir;
    let code = [this.#branchTable(entries, firstCall)];
    for (const { label, isPlainLoop } of entries) {
      if (!isPlainLoop) continue;
      const arrival = module.block(arrivalName(label), code, this.ir.binaryen.none);
      code = [arrival, ...this.#arrive(), module.br(label)];
    }
    return code;
  }

  #branchTable(entries: readonly Entry[], firstCall: number): Ref {
    const { module } = this.ir;
    const labels = entries.flatMap(({ label, last, isPlainLoop }, index) => {
      const before = index === 0 ? firstCall - 1 : (entries[index - 1]?.last as number);
      const name = isPlainLoop ? arrivalName(label) : label;
      return Array.from({ length: last - before }, () => name);
    });
    const [first = ''] = labels;
    if (entries.length === 1) return module.br(first);
    const shift = module.i32['shr_u'] as (a: Ref, b: Ref) => Ref;
    const subtract = module.i32['sub'] as (a: Ref, b: Ref) => Ref;
    const number = shift(module.global.get(TARGET, this.#i32), module.i32.const(2));
    const offset = subtract(number, module.i32.const(firstCall));
    return module.switch(labels, labels.at(-1) as string, offset);
  }

  /** At a point: from here on fuel counts again. */
  #arrive(): Ref[] {
    const { module } = this.ir;
    const load = [...this.registers].map(([name, local]) =>
      module.local.set(local, module.global.get(name, this.#i32)),
    );
    return [module.global.set(TARGET, module.i32.const(0)), ...load];
  }

  #stackPlus(bytes: number): Ref {
    const { module } = this.ir;
    const add = module.i32['add'] as (a: Ref, b: Ref) => Ref;
    return add(module.global.get(STACK, this.#i32), module.i32.const(bytes));
  }

  #isRewinding(): Ref {
    const { module } = this.ir;
    const equal = module.i32['eq'] as (a: Ref, b: Ref) => Ref;
    return equal(module.global.get(STATE, this.#i32), module.i32.const(REWINDING));
  }

  /** Behind a call the stack does not rewind. */
  #isUnwinding(): Ref {
    return this.ir.module.global.get(STATE, this.#i32);
  }

  #when(condition: Ref, actions: Ref[]): Ref {
    return this.ir.module.if(condition, this.ir.module.block(null, actions));
  }

  #get(local: number): Ref {
    return this.ir.module.local.get(local, this.#i32);
  }

  /** The code of a region; toEntries: the way to its calls and inner loops. */
  #children({ items, check }: Region, toEntries: readonly Ref[]): Ref[] {
    if (check === undefined) return this.#nest([...toEntries, ...items]);
    const arm = this.#nest([...toEntries, ...check.arm.items]);
    const head = this.#when(check.condition, arm);
    return this.#nest([...items.slice(0, check.at), head, ...items.slice(check.at)]);
  }

  /** The items as nested blocks. */
  #nest(items: readonly Item[]): Ref[] {
    const { module, binaryen } = this.ir;
    let children: Ref[] = [];
    for (const item of items) {
      if (typeof item === 'number') children.push(item);
      else children = [module.block(item, children, binaryen.none)];
    }
    return children;
  }

  #newLabel(): string {
    return `rseq.resume.${this.#labelCount++}`;
  }

  /** A frame: the locals one behind the other, the index last. */
  #layout(): { bytes: number; slots: readonly Slot[] } {
    let offset = 0;
    const slots = [...this.#saved, this.#index].map((local) => {
      const type = this.ir.localType(this.func, local);
      const [prefix, bytes] = this.#storageOf(type);
      const slot = { local, type, prefix, offset };
      offset += bytes;
      return slot;
    });
    return { bytes: offset, slots };
  }

  #storageOf(type: Type): readonly [prefix: Slot['prefix'], bytes: number] {
    const { i32, i64, f32, f64, v128 } = this.ir.binaryen;
    const storage: ReadonlyMap<Type, readonly [Slot['prefix'], number]> = new Map([
      [i32, ['i32', 4]],
      [i64, ['i64', 8]],
      [f32, ['f32', 4]],
      [f64, ['f64', 8]],
      [v128, ['v128', 16]],
    ]);
    const found = storage.get(type);
    if (found !== undefined) return found;
    throw new ToolchainError(`${this.#name} keeps a reference while it may be suspended`);
  }

  #save({ local, type, prefix, offset }: Slot): Ref {
    const { module } = this.ir;
    return module[prefix].store(offset, 4, this.#get(this.#base), module.local.get(local, type));
  }

  #restore({ local, prefix, offset }: Slot): Ref {
    const { module } = this.ir;
    return module.local.set(local, module[prefix].load(offset, 4, this.#get(this.#base)));
  }

  #zero(type: Type): Ref | undefined {
    const { module, binaryen } = this.ir;
    const zero = module.i32.const(0);
    switch (type) {
      case binaryen.none:
        return undefined;
      case binaryen.i32:
        return zero;
      case binaryen.i64:
        return module.i64.extend_u(zero);
      case binaryen.f32:
        return module.f32.const(0);
      case binaryen.f64:
        return module.f64.const(0);
      case binaryen.v128:
        return module.v128.const(Array.from({ length: 16 }, () => 0));
      default:
        throw new ToolchainError(`${this.#name} may be suspended and returns a reference`);
    }
  }
}

function writtenLocals(ir: Ir, root: Ref): ReadonlySet<number> {
  const written = new Set<number>();
  ir.walk(root, (ref) => {
    if (ir.kind(ref) === 'LocalSet') written.add(ir.get(ref, 'Index'));
  });
  return written;
}

function arrivalName(label: string): string {
  return `${label}.arrival`;
}

interface Slot {
  readonly local: number;
  readonly type: Type;
  readonly prefix: 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
  readonly offset: number;
}
