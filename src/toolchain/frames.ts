// Our transform for resumability. A function in which the thread may be suspended becomes
//
//     block SAVE {
//       if (state is rewinding) { pop the frame; br to the call it names }
//       ... call f; index = 1; br_if SAVE (state); ...
//     }
//     push a frame: the live locals and the index; return anything
//
// The code keeps its shape but for the blocks, ifs and loops around such calls. Their parts are strung
// together in regions, one a function and one a loop. All blocks of a region begin at its head, so the
// head can branch to the front of every call in it, and to every inner loop, which goes on from its own
// head. Until a stack rewinds that costs nothing but the test of the state at the head; and where the
// head asks for fuel anyway, the test stands in the arm that is taken when there is none: fuel is 0 while
// a stack rewinds.

import type { Ref, Type } from './binaryen.js';
import { type Ir, ToolchainError } from './ir.js';
import { liveLocals } from './liveness.js';
import { makeStatements } from './statements.js';
import { POP, PUSH, REWINDING, STATE } from './suspend.js';
import { SuspendingCalls } from './suspending.js';

/** fuelLocals: the local that holds the fuel, by function. Errors: ToolchainError. */
export function addFrames(ir: Ir, fuelLocals: ReadonlyMap<string, number>): void {
  const calls = new SuspendingCalls(ir);
  for (const func of ir.definedFunctions()) {
    const { name } = ir.binaryen.getFunctionInfo(func);
    if (!calls.isSuspending(name)) continue;
    const body = makeStatements(ir, func, calls);
    new FunctionFrames(ir, func, calls, fuelLocals.get(name)).add(body);
  }
}

const SAVE = 'rseq.save';

/** Code that is entered at its head, and left to inner regions. */
class Region {
  /** A name closes the block of that label, which begins at the head. */
  readonly items: (Ref | string)[] = [];
  /** Labels of the calls and inner loops, and the number of the last call each leads to. */
  readonly entries: { readonly label: string; readonly last: number }[] = [];
  /** Where in `items` the way to the entries goes. */
  head = 0;

  constructor(readonly firstCall: number) {}
}

class FunctionFrames {
  readonly #name: string;
  /** Number of the call in which the thread is suspended. */
  readonly #index: number;
  readonly #i32: Type;
  readonly #spine = new Set<Ref>();
  #callCount = 0;
  #labelCount = 0;

  constructor(
    readonly ir: Ir,
    readonly func: Ref,
    readonly calls: SuspendingCalls,
    readonly fuelLocal: number | undefined,
  ) {
    this.#i32 = ir.binaryen.i32;
    this.#name = ir.binaryen.getFunctionInfo(func).name;
    this.#index = ir.addLocal(func, this.#i32);
  }

  add(body: Ref): void {
    const { ir } = this;
    const frame = this.#layout(liveLocals(ir, body, this.calls));
    this.#mark(body);
    const region = new Region(0);
    this.#string(body, region);
    const { module } = ir;
    const base = ir.addLocal(this.func, this.#i32);
    const resume = this.#toEntries(region, [
      module.local.set(base, module.call(POP, [module.i32.const(frame.bytes)], this.#i32)),
      ...frame.slots.map((slot) => this.#restore(slot, base)),
    ]);
    const { results } = ir.binaryen.getFunctionInfo(this.func);
    if (results === ir.binaryen.none) region.items.push(module.return());
    const save = [
      module.local.set(base, module.call(PUSH, [module.i32.const(frame.bytes)], this.#i32)),
      ...frame.slots.map((slot) => this.#save(slot, base)),
      module.return(this.#zero(results)),
    ];
    const code = module.block(SAVE, this.#children(region, resume), ir.binaryen.none);
    ir.binaryen.Function.setBody(this.func, ir.sequence([code, ...save], ir.binaryen.unreachable));
  }

  #mark(ref: Ref): boolean {
    let isSpine = this.calls.has(ref);
    for (const operand of this.ir.operands(ref)) isSpine = this.#mark(operand.get()) || isSpine;
    if (isSpine) this.#spine.add(ref);
    return isSpine;
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
    const isHead = region.head === 0 && this.#isFuelCheck(ref, region);
    const end = this.#newLabel();
    const otherwise = ifFalse === undefined ? end : this.#newLabel();
    const not = module.i32['eqz'] as (value: Ref) => Ref;
    region.items.push(module.br(otherwise, not(condition as Ref)));
    if (isHead) region.head = region.items.length;
    this.#string(ifTrue as Ref, region);
    if (ifFalse !== undefined) {
      region.items.push(module.br(end), otherwise);
      this.#string(ifFalse, region);
    }
    region.items.push(end);
  }

  /** True for the first thing at a head, before which nothing has happened but to the fuel. */
  #isFuelCheck(ref: Ref, region: Region): boolean {
    const { ir, fuelLocal } = this;
    const isFuel = (item: Ref, kind: string): boolean =>
      ir.kind(item) === kind && ir.get(item, 'Index') === fuelLocal;
    const condition = ir.operands(ref)[0]?.get() as Ref;
    if (ir.kind(condition) !== 'Binary') return false;
    if (ir.get(condition, 'Op') !== ir.binaryen['LeSInt32']) return false;
    const [left, right] = ir.operands(condition).map((operand) => operand.get()) as [Ref, Ref];
    if (!isFuel(left, 'LocalGet') || ir.kind(right) !== 'Const') return false;
    if (ir.get(right, 'ValueI32') !== 0) return false;
    return region.items.every((item) => typeof item === 'number' && isFuel(item, 'LocalSet'));
  }

  #stringLoop(ref: Ref, region: Region): void {
    const label = this.#newLabel();
    region.items.push(label);
    const inner = new Region(this.#callCount);
    const [body] = this.ir.operands(ref);
    this.#string(body?.get() as Ref, inner);
    region.entries.push({ label, last: this.#callCount - 1 });
    const children = this.#children(inner, this.#toEntries(inner, []));
    const { module } = this.ir;
    const name = this.ir.text(ref, 'Name') || null;
    region.items.push(module.loop(name, module.block(null, children)));
  }

  #stringCall(ref: Ref, region: Region): void {
    const { module } = this.ir;
    const label = this.#newLabel();
    const number = this.#callCount++;
    region.entries.push({ label, last: number });
    region.items.push(
      label,
      ref,
      module.local.set(this.#index, module.i32.const(number)),
      module.br(SAVE, module.global.get(STATE, this.#i32)),
    );
  }

  /** if (state is rewinding) { actions; br to the entry of call `index` } */
  #toEntries({ entries, firstCall }: Region, actions: Ref[]): Ref {
    const { module } = this.ir;
    const [first] = entries;
    const rewinding = module.i32.const(REWINDING);
    const state = module.global.get(STATE, this.#i32);
    const isRewinding = (module.i32['eq'] as (a: Ref, b: Ref) => Ref)(state, rewinding);
    return module.if(
      isRewinding,
      this.ir.sequence([
        ...actions,
        entries.length === 1 && first !== undefined
          ? module.br(first.label)
          : this.#branchTable(entries, firstCall),
      ]),
    );
  }

  #branchTable(entries: Region['entries'], firstCall: number): Ref {
    const { module } = this.ir;
    const labels = entries.flatMap(({ label, last }, index) => {
      const first = index === 0 ? firstCall : (entries[index - 1]?.last ?? 0) + 1;
      return Array.from({ length: last - first + 1 }, () => label);
    });
    const index = module.local.get(this.#index, this.#i32);
    const subtract = module.i32['sub'] as (a: Ref, b: Ref) => Ref;
    const offset = firstCall === 0 ? index : subtract(index, module.i32.const(firstCall));
    return module.switch(labels, labels.at(-1) as string, offset);
  }

  /** The items as nested blocks. */
  #children({ items, head }: Region, toEntries: Ref): Ref[] {
    const { module } = this.ir;
    let children: Ref[] = [];
    [...items.slice(0, head), toEntries, ...items.slice(head)].forEach((item) => {
      if (typeof item === 'number') children.push(item);
      else children = [module.block(item, children, this.ir.binaryen.none)];
    });
    return children;
  }

  #newLabel(): string {
    return `rseq.resume.${this.#labelCount++}`;
  }

  /** A frame: the locals one behind the other, the index last. */
  #layout(locals: readonly number[]): { bytes: number; slots: readonly Slot[] } {
    let offset = 0;
    const slots = [...locals, this.#index].map((local) => {
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

  #save({ local, type, prefix, offset }: Slot, base: number): Ref {
    const { module } = this.ir;
    const address = module.local.get(base, this.#i32);
    return module[prefix].store(offset, 4, address, module.local.get(local, type));
  }

  #restore({ local, prefix, offset }: Slot, base: number): Ref {
    const { module } = this.ir;
    const address = module.local.get(base, this.#i32);
    return module.local.set(local, module[prefix].load(offset, 4, address));
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

interface Slot {
  readonly local: number;
  readonly type: Type;
  readonly prefix: 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
  readonly offset: number;
}
