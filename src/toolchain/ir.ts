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
export interface Operand {
  readonly name: string;
  get(): Ref;
  set(value: Ref): void;
}

export class Ir {
  readonly binaryen: Binaryen;
  readonly module: Module;
  readonly #kinds = new Map<number, Kind>();
  readonly #globals = new Map<string, GlobalInfo>();
  #copies = 0;

  constructor(binaryen: Binaryen, module: Module) {
    this.binaryen = binaryen;
    this.module = module;
    for (const kind of Object.keys(OPERANDS)) {
      const id = binaryen[`${kind}Id`];
      if (typeof id === 'number') this.#kinds.set(id, kind);
    }
  }

  /** Errors: ToolchainError for an instruction outside the supported set. */
  kind(ref: Ref): Kind {
    const kind = this.#kinds.get(this.binaryen.getExpressionId(ref));
    if (kind !== undefined) return kind;
    const isWait = this.binaryen.getExpressionId(ref) === this.binaryen['AtomicWaitId'];
    throw new ToolchainError(
      isWait
        ? 'memory.atomic.wait would block the host; use a system call to wait'
        : `instruction with Binaryen id ${this.binaryen.getExpressionId(ref)} is not supported`,
    );
  }

  type(ref: Ref): Type {
    return this.binaryen.getExpressionType(ref);
  }

  /** An attribute of the expression, such as get(ref, 'Offset'). */
  get(ref: Ref, attribute: string): number {
    return this.#access(ref, `get${attribute}`)(ref);
  }

  /** A name the expression holds, such as text(ref, 'Target'); '' when it has none. */
  text(ref: Ref, attribute: string): string {
    return (this.#access(ref, `get${attribute}`) as (ref: Ref) => unknown)(ref)?.toString() ?? '';
  }

  /** Labels a br_table may branch to. */
  switchNames(ref: Ref): string[] {
    const names = (this.#access(ref, 'getNames') as unknown as (ref: Ref) => string[])(ref);
    return [...names, this.text(ref, 'DefaultName')];
  }

  /** Operands that are there, in evaluation order. */
  operands(ref: Ref): Operand[] {
    return (OPERANDS[this.kind(ref)] as readonly string[]).flatMap((name) => {
      const list = LISTS[name];
      if (list === undefined) return this.get(ref, name) === 0 ? [] : [this.#operand(ref, name)];
      const count = this.get(ref, list.count);
      return Array.from({ length: count }, (_, index) => this.#operand(ref, list.one, index));
    });
  }

  /** Call `visit` for every expression under `root`, a parent before its operands. */
  walk(root: Ref, visit: (ref: Ref) => void): void {
    visit(root);
    for (const operand of this.operands(root)) this.walk(operand.get(), visit);
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
      const { body } = this.binaryen.getFunctionInfo(func);
      this.binaryen.Function.setBody(func, this.replaceCalls(body, targets, replacement));
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
    const all = Array.from({ length: this.module.getNumFunctions() }, (_, index) =>
      this.module.getFunctionByIndex(index),
    );
    return all.filter((func) => this.binaryen.getFunctionInfo(func).base === '');
  }

  /** Internal names of function import `module.base`; asc makes one for every declaration of it. */
  importNames(module: string, base: string): ReadonlySet<string> {
    const names = new Set<string>();
    for (let index = 0; index < this.module.getNumFunctions(); index++) {
      const info = this.binaryen.getFunctionInfo(this.module.getFunctionByIndex(index));
      if (info.module === module && info.base === base) names.add(info.name);
    }
    return names;
  }

  /** Names of the functions that are called under `root`. */
  callTargets(root: Ref): ReadonlySet<string> {
    const targets = new Set<string>();
    this.walk(root, (ref) => {
      if (this.kind(ref) === 'Call') targets.add(this.text(ref, 'Target'));
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
      this.walk(this.binaryen.getFunctionInfo(func).body, (ref) => {
        if (this.kind(ref) === 'RefFunc') names.add(this.text(ref, 'Func'));
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
    this.walk(copy, (each) => {
      const kind = this.kind(each);
      if (kind !== 'Block' && kind !== 'Loop') return;
      const name = this.text(each, 'Name');
      if (name !== '') names.set(name, `${name}.copy.${this.#copies}`);
    });
    this.#copies++;
    this.walk(copy, (each) => this.#rename(each, names));
    return copy;
  }

  #rename(ref: Ref, names: ReadonlyMap<string, string>): void {
    const setText = (attribute: string, text: string): void => {
      (this.#access(ref, `set${attribute}`) as unknown as (ref: Ref, text: string) => void)(
        ref,
        text,
      );
    };
    const kind = this.kind(ref);
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

  #operand(ref: Ref, name: string, index?: number): Operand {
    const get = this.#access(ref, `get${name}`) as (...args: number[]) => number;
    const set = this.#access(ref, `set${name}`) as (...args: number[]) => void;
    return index === undefined
      ? { name, get: () => get(ref), set: (value) => set(ref, value) }
      : { name, get: () => get(ref, index), set: (value) => set(ref, index, value) };
  }

  #access(ref: Ref, accessor: string): (ref: Ref, value?: number) => number {
    const kind = this.kind(ref);
    const access = accessors(this.binaryen, kind)[accessor];
    if (access === undefined) throw new ToolchainError(`Binaryen has no ${kind}.${accessor}`);
    return access as (ref: Ref, value?: number) => number;
  }
}
