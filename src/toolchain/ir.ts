// Walking and editing Binaryen's expression trees: one table of the operands of every expression,
// in the order in which they are evaluated, and three verbs on top of it.

import {
  accessors,
  type Binaryen,
  type GlobalInfo,
  type Module,
  type Ref,
  type Type,
} from './binaryen.js';

/** The module holds something this toolchain cannot instrument. */
export class ToolchainError extends Error {
  override readonly name: string = 'ToolchainError';
}

/** Operands by name, or the name of an indexed list, in evaluation order. */
const OPERANDS: Record<string, readonly string[]> = {
  Nop: [],
  Unreachable: [],
  Const: [],
  LocalGet: [],
  GlobalGet: [],
  MemorySize: [],
  AtomicFence: [],
  DataDrop: [],
  RefNull: [],
  RefFunc: [],
  Block: ['Children'],
  If: ['Condition', 'IfTrue', 'IfFalse'],
  Loop: ['Body'],
  Break: ['Value', 'Condition'],
  Switch: ['Value', 'Condition'],
  Call: ['Operands'],
  CallIndirect: ['Operands', 'Target'],
  LocalSet: ['Value'],
  GlobalSet: ['Value'],
  Load: ['Ptr'],
  Store: ['Ptr', 'Value'],
  Unary: ['Value'],
  Binary: ['Left', 'Right'],
  Select: ['IfTrue', 'IfFalse', 'Condition'],
  Drop: ['Value'],
  Return: ['Value'],
  MemoryGrow: ['Delta'],
  MemoryCopy: ['Dest', 'Source', 'Size'],
  MemoryFill: ['Dest', 'Value', 'Size'],
  MemoryInit: ['Dest', 'Offset', 'Size'],
  AtomicRMW: ['Ptr', 'Value'],
  AtomicCmpxchg: ['Ptr', 'Expected', 'Replacement'],
  AtomicNotify: ['Ptr', 'NotifyCount'],
  RefIsNull: ['Value'],
  SIMDExtract: ['Vec'],
  SIMDReplace: ['Vec', 'Value'],
  SIMDShuffle: ['Left', 'Right'],
  SIMDTernary: ['A', 'B', 'C'],
  SIMDShift: ['Vec', 'Shift'],
  SIMDLoad: ['Ptr'],
  SIMDLoadStoreLane: ['Ptr', 'Vec'],
};

const LISTS: Record<string, { readonly one: string; readonly count: string }> = {
  Children: { one: 'ChildAt', count: 'NumChildren' },
  Operands: { one: 'OperandAt', count: 'NumOperands' },
};

export type Kind = keyof typeof OPERANDS & string;

/** One operand of an expression: where it hangs, and what it is. */
export class Operand {
  readonly #ref: Ref;
  readonly #slot: Slot;
  readonly #index: number;

  constructor(ref: Ref, slot: Slot, index: number) {
    this.#ref = ref;
    this.#slot = slot;
    this.#index = index;
  }

  get name(): string {
    return this.#slot.name;
  }

  get(): Ref {
    return this.#slot.get(this.#ref, this.#index);
  }

  set(value: Ref): void {
    if (this.#slot.count === undefined) this.#slot.set(this.#ref, value);
    else this.#slot.set(this.#ref, this.#index, value);
  }
}

type Accessor = (ref: Ref, ...values: number[]) => number;

/** Where expressions of a kind have an operand, or a list of them. */
interface Slot {
  readonly name: string;
  readonly get: Accessor;
  readonly set: Accessor;
  /** Of a list. */
  readonly count: Accessor | undefined;
}

/** The expressions of one kind: how Binaryen gives their parts. */
class Shape {
  readonly #accessors: Record<string, unknown>;
  readonly #known = new Map<string, Accessor>();
  #slots: readonly Slot[] | undefined;

  constructor(
    binaryen: Binaryen,
    readonly kind: Kind,
  ) {
    this.#accessors = accessors(binaryen, kind);
  }

  get slots(): readonly Slot[] {
    this.#slots ??= (OPERANDS[this.kind] as readonly string[]).map((operand) => {
      const list = LISTS[operand];
      const name = list?.one ?? operand;
      const count = list && this.getter(list.count);
      return { name, count, get: this.getter(name), set: this.access(`set${name}`) };
    });
    return this.#slots;
  }

  getter(attribute: string): Accessor {
    let getter = this.#known.get(attribute);
    if (getter === undefined) {
      getter = this.access(`get${attribute}`);
      this.#known.set(attribute, getter);
    }
    return getter;
  }

  access(accessor: string): Accessor {
    const access = this.#accessors[accessor];
    if (access === undefined) throw new ToolchainError(`Binaryen has no ${this.kind}.${accessor}`);
    return access as Accessor;
  }
}

/** The shapes of each copy of Binaryen by the number it has for the kind. */
const SHAPES = new WeakMap<Binaryen, readonly (Shape | undefined)[]>();

function shapesOf(binaryen: Binaryen): readonly (Shape | undefined)[] {
  let shapes = SHAPES.get(binaryen);
  if (shapes === undefined) {
    shapes = makeShapes(binaryen);
    SHAPES.set(binaryen, shapes);
  }
  return shapes;
}

function makeShapes(binaryen: Binaryen): (Shape | undefined)[] {
  const shapes: (Shape | undefined)[] = [];
  for (const kind of Object.keys(OPERANDS)) {
    const id = binaryen[`${kind}Id`];
    if (typeof id === 'number') shapes[id] = new Shape(binaryen, kind);
  }
  return shapes;
}

export class Ir {
  readonly binaryen: Binaryen;
  readonly module: Module;
  readonly #shapes: readonly (Shape | undefined)[];
  readonly #globals = new Map<string, GlobalInfo>();
  #copies = 0;

  constructor(binaryen: Binaryen, module: Module) {
    this.binaryen = binaryen;
    this.module = module;
    this.#shapes = shapesOf(binaryen);
  }

  /** Errors: ToolchainError for an instruction outside the supported set. */
  kind(ref: Ref): Kind {
    return this.#shape(ref).kind;
  }

  #shape(ref: Ref): Shape {
    const id = this.binaryen.getExpressionId(ref);
    const shape = this.#shapes[id];
    if (shape !== undefined) return shape;
    throw new ToolchainError(
      id === this.binaryen['AtomicWaitId']
        ? 'memory.atomic.wait would block the host; use a system call to wait'
        : `instruction with Binaryen id ${id} is not supported`,
    );
  }

  type(ref: Ref): Type {
    return this.binaryen.getExpressionType(ref);
  }

  /** An attribute of the expression, such as get(ref, 'Offset'). */
  get(ref: Ref, attribute: string): number {
    return this.#shape(ref).getter(attribute)(ref);
  }

  /** A name the expression holds, such as text(ref, 'Target'); '' when it has none. */
  text(ref: Ref, attribute: string): string {
    const getter = this.#shape(ref).getter(attribute) as (ref: Ref) => unknown;
    return getter(ref)?.toString() ?? '';
  }

  /** Labels a br_table may branch to. */
  switchNames(ref: Ref): string[] {
    const names = (this.#access(ref, 'getNames') as unknown as (ref: Ref) => string[])(ref);
    return [...names, this.text(ref, 'DefaultName')];
  }

  /** Operands that are there, in evaluation order. */
  operands(ref: Ref): Operand[] {
    const operands: Operand[] = [];
    for (const slot of this.#shape(ref).slots) {
      const count = slot.count?.(ref) ?? (slot.get(ref) === 0 ? 0 : 1);
      for (let index = 0; index < count; index++) operands.push(new Operand(ref, slot, index));
    }
    return operands;
  }

  /** Call `visit` for every expression under `root`, a parent before its operands. */
  walk(root: Ref, visit: (ref: Ref, kind: Kind) => void): void {
    const shape = this.#shape(root);
    visit(root, shape.kind);
    for (const { count, get } of shape.slots) {
      if (count === undefined) {
        const operand = get(root);
        if (operand !== 0) this.walk(operand, visit);
      } else {
        const length = count(root);
        for (let index = 0; index < length; index++) this.walk(get(root, index), visit);
      }
    }
  }

  /** Replace every call of one of `targets` under `root`, innermost first; returns the new root. */
  replaceCalls(root: Ref, targets: ReadonlySet<string>, replacement: (call: Ref) => Ref): Ref {
    for (const operand of this.operands(root)) {
      const old = operand.get();
      const now = this.replaceCalls(old, targets, replacement);
      if (now !== old) operand.set(now);
    }
    return this.isCallOf(root, targets) ? replacement(root) : root;
  }

  /** replaceCalls in every function with a body. */
  replaceAllCalls(targets: ReadonlySet<string>, replacement: (call: Ref) => Ref): void {
    if (targets.size === 0) return;
    for (const func of this.definedFunctions()) {
      const body = this.binaryen.Function.getBody(func);
      const now = this.replaceCalls(body, targets, replacement);
      if (now !== body) this.binaryen.Function.setBody(func, now);
    }
  }

  /** Replace every call of function import `module.base` by `replacement`, and drop the import. */
  replaceImport(module: string, base: string, replacement: (call: Ref) => Ref): void {
    const names = this.importNames(module, base);
    this.replaceAllCalls(names, replacement);
    for (const name of names) this.module.removeFunction(name);
  }

  isCallOf(ref: Ref, targets: ReadonlySet<string>): boolean {
    return this.kind(ref) === 'Call' && targets.has(this.text(ref, 'Target'));
  }

  /** True when evaluating `ref` later changes nothing: it reads locals at most, and cannot trap. */
  isMovable(ref: Ref): boolean {
    const effects = this.binaryen.getSideEffects(ref, this.module);
    return (effects & ~(this.binaryen.SideEffects['ReadsLocal'] as number)) === 0;
  }

  /** The functions with a body. */
  definedFunctions(): Ref[] {
    return this.#functions().filter((func) => this.binaryen.Function.getBody(func) !== 0);
  }

  #functions(): Ref[] {
    return Array.from({ length: this.module.getNumFunctions() }, (_, index) =>
      this.module.getFunctionByIndex(index),
    );
  }

  /** Internal names of function import `module.base`; asc makes one for every declaration of it. */
  importNames(module: string, base: string): ReadonlySet<string> {
    const names = new Set<string>();
    for (const func of this.#functions()) {
      if (this.binaryen.Function.getBody(func) !== 0) continue;
      const info = this.binaryen.getFunctionInfo(func);
      if (info.module === module && info.base === base) names.add(info.name);
    }
    return names;
  }

  /** Names of the functions that are called under `root`. */
  callTargets(root: Ref): ReadonlySet<string> {
    const targets = new Set<string>();
    this.walk(root, (ref, kind) => {
      if (kind === 'Call') targets.add(this.text(ref, 'Target'));
    });
    return targets;
  }

  /** Names under which the module exports something. */
  exportNames(): string[] {
    return Array.from({ length: this.module.getNumExports() }, (_, index) => {
      return this.binaryen.getExportInfo(this.module.getExportByIndex(index)).name;
    });
  }

  /** The globals by internal name. */
  globals(): ReadonlyMap<string, GlobalInfo> {
    if (this.#globals.size === this.module.getNumGlobals()) return this.#globals;
    this.#globals.clear();
    for (let index = 0; index < this.module.getNumGlobals(); index++) {
      const info = this.binaryen.getGlobalInfo(this.module.getGlobalByIndex(index));
      this.#globals.set(info.name, info);
    }
    return this.#globals;
  }

  /** A signature of `count` 32-bit words. */
  words(count: number): Type {
    const { binaryen } = this;
    return binaryen.createType(Array.from({ length: count }, () => binaryen.i32));
  }

  /** Internal name of the memory; undefined when the module has none. */
  memoryName(): string | undefined {
    if (!this.module.hasMemory()) return undefined;
    // Binaryen's JavaScript API has no way to ask, but puts the name into what refers to the memory.
    const { toText } = this.binaryen.Expression;
    return /^\(memory\.size \$(\S+)\)/.exec(toText(this.module.memory.size()).trim())?.[1];
  }

  localType(func: Ref, local: number): Type {
    const { params, vars } = this.binaryen.getFunctionInfo(func);
    return [...this.binaryen.expandType(params), ...vars][local] as Type;
  }

  /** Names of the functions that are used as values, in tables or by ref.func. */
  functionValues(): ReadonlySet<string> {
    const names = new Set<string>();
    for (let index = 0; index < this.module.getNumElementSegments(); index++) {
      const segment = this.module.getElementSegmentByIndex(index);
      for (const name of this.binaryen.getElementSegmentInfo(segment).data) names.add(name);
    }
    for (const func of this.definedFunctions()) {
      this.walk(this.binaryen.Function.getBody(func), (ref, kind) => {
        if (kind === 'RefFunc') names.add(this.text(ref, 'Func'));
      });
    }
    return names;
  }

  addLocal(func: Ref, type: Type): number {
    return this.binaryen._BinaryenFunctionAddVar(func, type);
  }

  /** Give an if that has none its else. */
  setElse(ref: Ref, ifFalse: Ref): void {
    (this.#access(ref, 'setIfFalse') as (ref: Ref, value: Ref) => number)(ref, ifFalse);
  }

  /** A copy of `ref` whose blocks and loops have labels of their own. */
  copy(ref: Ref): Ref {
    const copy = this.module.copyExpression(ref);
    const names = new Map<string, string>();
    this.walk(copy, (each, kind) => {
      if (kind !== 'Block' && kind !== 'Loop') return;
      const name = this.text(each, 'Name');
      if (name !== '') names.set(name, `${name}.copy.${this.#copies}`);
    });
    this.#copies++;
    this.walk(copy, (each, kind) => this.#rename(each, kind, names));
    return copy;
  }

  #rename(ref: Ref, kind: Kind, names: ReadonlyMap<string, string>): void {
    const setText = (attribute: string, text: string): void => {
      (this.#access(ref, `set${attribute}`) as unknown as (ref: Ref, text: string) => void)(
        ref,
        text,
      );
    };
    if (kind === 'Block' || kind === 'Loop' || kind === 'Break') {
      const name = names.get(this.text(ref, 'Name'));
      if (name !== undefined) setText('Name', name);
    } else if (kind === 'Switch') {
      const setNameAt = this.#access(ref, 'setNameAt') as unknown as (
        ref: Ref,
        index: number,
        name: string,
      ) => void;
      this.switchNames(ref).forEach((name, index, all) => {
        const renamed = names.get(name);
        if (renamed === undefined) return;
        if (index === all.length - 1) setText('DefaultName', renamed);
        else setNameAt(ref, index, renamed);
      });
    }
  }

  /** A block of `children`, the last of which gives the value. */
  sequence(children: Ref[], type: Type = this.binaryen.none): Ref {
    return this.module.block(null, children, type);
  }

  /**
   * `ref`, changed so that `action` runs after its operands are evaluated and before it executes:
   * the last operand (of an if, its condition) becomes a sequence that ends in its own value.
   */
  before(func: Ref, ref: Ref, action: readonly Ref[]): Ref {
    if (action.length === 0) return ref;
    const operands = this.kind(ref) === 'If' ? this.operands(ref).slice(0, 1) : this.operands(ref);
    const last = operands.at(-1);
    if (last === undefined) return this.sequence([...action, ref], this.type(ref));
    const operand = last.get();
    if (this.type(operand) !== this.binaryen.unreachable) {
      last.set(this.after(func, operand, action));
    }
    return ref;
  }

  /** The value of `ref`, with `action` run after it is known, or before where that is the same. */
  after(func: Ref, ref: Ref, action: readonly Ref[]): Ref {
    const type = this.type(ref);
    if (type === this.binaryen.none) return this.sequence([ref, ...action]);
    if (this.isMovable(ref)) return this.sequence([...action, ref], type);
    const local = this.addLocal(func, type);
    const value = this.module.local.get(local, type);
    return this.sequence([this.module.local.set(local, ref), ...action, value], type);
  }

  #access(ref: Ref, accessor: string): Accessor {
    return this.#shape(ref).access(accessor);
  }
}
