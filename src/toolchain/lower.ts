// Lowering: labels become control flow. A section
//
//     restart(); A; start(); B; end();
//
// becomes a loop from the restart label over A and B, with an interruption point in front of every
// instruction of B that touches memory, or leaves with nothing stored yet, each of which can branch back
// to the loop's head:
//
//     r = 0; loop L { <restart() is r>; A; point; B1; point; B2; ... ; end point }
//     point:  br_if L (r = call rseq.point.S.k)
//
// A point is a call of an import of its own until metering, so the optimiser can neither merge two
// nor move memory accesses across one, and sees the edge to the restart label. That edge must be
// there before the optimiser runs: afterwards, a local that the restart still needs may hold
// something else.
//
// What an ABI needs besides goes where section-abi.ts says.
//
// `restoreLocals` is for modules that are optimised already: the loop saves every local that B or A
// writes and gives it back on the way to the restart label, as a setjmp would.

import { RSEQ_MODULE } from '../abi/module.js';
import type { Ref, Type } from './binaryen.js';
import { isAccess } from './access.js';
import type { Ir, Kind } from './ir.js';
import { findSections, LabelError, type LabelledSection, labelNames } from './labels.js';
import { type PlaceholderKind, placeholderName, type SectionAbi } from './section-abi.js';
import type { SourceLine, SourceLines } from './source-lines.js';

/** A section after lowering; its points are rseq.point.<index>.0 up to .<endPoint>. */
export interface LoweredSection {
  readonly index: number;
  /** Number of the end point; there are as many points inside the section. */
  readonly endPoint: number;
  /** Source line of each point, the end point last. */
  readonly lines: readonly (SourceLine | undefined)[];
}

export interface LowerOptions {
  readonly restoreLocals: boolean;
  readonly abi: SectionAbi;
}

/** Name of the import that stands for point `point` of section `section` between lowering and metering. */
export function pointName(section: number, point: number): string {
  return `rseq.point.${section}.${point}`;
}

/** Section and point of a name made by pointName, or undefined for any other name. */
export function parsePointName(name: string): { section: number; point: number } | undefined {
  const [, section, point] = /^rseq\.point\.(\d+)\.(\d+)$/.exec(name) ?? [];
  return section === undefined ? undefined : { section: Number(section), point: Number(point) };
}

/** Lower every section of the module. Errors: LabelError; ToolchainError. */
export function lowerLabels(ir: Ir, lines: SourceLines, options: LowerOptions): LoweredSection[] {
  const names = labelNames(ir);
  const lowered: LoweredSection[] = [];
  for (const func of ir.definedFunctions()) {
    const sections = findSections(ir, names, func, lines);
    // Last first: wrapping one section moves what follows it in the same list.
    for (const section of sections.reverse()) {
      const lowering = new SectionLowering(ir, func, lines, section, lowered.length, options);
      lowered.push(lowering.lower());
    }
  }
  for (const name of [...names.restart, ...names.start, ...names.end])
    ir.module.removeFunction(name);
  return lowered;
}

const STORES: ReadonlySet<Kind> = new Set<Kind>([
  'Store',
  'AtomicRMW',
  'AtomicCmpxchg',
  'MemoryCopy',
  'MemoryFill',
  'MemoryInit',
  'SIMDLoadStoreLane',
]);
const CALLS: readonly Kind[] = ['Call', 'CallIndirect', 'MemoryGrow'];

class SectionLowering {
  readonly #label: string;
  readonly #result: number;
  readonly #pointLines: (SourceLine | undefined)[] = [];
  /** Labels of the blocks and loops inside the section. */
  readonly #innerLabels = new Set<string>();
  #hasStore = false;
  /** True once a store may have been executed, by way of a loop's earlier turns too. */
  #mayHaveStored = false;
  /** True after a point until the next access: what follows is covered by that point. */
  #isCovered = false;
  #line: SourceLine | undefined;

  constructor(
    readonly ir: Ir,
    readonly func: Ref,
    readonly lines: SourceLines,
    readonly section: LabelledSection,
    readonly index: number,
    readonly options: LowerOptions,
  ) {
    this.#label = `rseq.restart.${index}`;
    this.#result = ir.addLocal(func, ir.binaryen.i32);
    this.#line = section.line;
  }

  lower(): LoweredSection {
    this.#lowerBody();
    this.#wrap();
    return { index: this.index, endPoint: this.#pointLines.length - 1, lines: this.#pointLines };
  }

  /** Put a point at start(), before every access, before a way out that has stored nothing, at end(). */
  #lowerBody(): void {
    const { ir, section } = this;
    const block = new List(ir, section.start.block);
    const body = block.children.slice(section.start.index + 1, section.endIndex);
    for (const statement of body) this.#collectLabels(statement);
    block.children[section.start.index] = ir.sequence([
      ...this.#placeholder('arm'),
      this.#point(),
      ...this.#check(),
    ]);
    body.forEach((statement, offset) => {
      block.children[section.start.index + 1 + offset] = this.#visit(statement);
    });
    if (!this.#hasStore)
      throw this.#error(undefined, 'a section that stores nothing commits nothing');
    // The point after the commit: outside the section, so it never restarts.
    const endPoint = ir.module.drop(this.#pointCall());
    block.children[section.endIndex] = ir.sequence([endPoint, ...this.#placeholder('disarm')]);
    block.save();
  }

  #visit(ref: Ref): Ref {
    const { ir } = this;
    const kind = ir.kind(ref);
    this.#line = this.lines.get(ref) ?? this.#line;
    if (CALLS.includes(kind)) throw this.#error(ref, `${this.#describeCall(ref)} inside a section`);
    if (kind === 'If') return this.#visitIf(ref);
    if (kind === 'Loop') return this.#visitLoop(ref);
    for (const operand of ir.operands(ref)) operand.set(this.#visit(operand.get()));
    // A join may be reached from where the last point is spent.
    if (kind === 'Block' && ir.text(ref, 'Name') !== '') this.#isCovered = false;
    if (isAccess(ir, ref)) {
      if (STORES.has(kind)) this.#mayHaveStored = this.#hasStore = true;
      return this.#covered(ref, true);
    }
    // What has stored may have committed: a thread stopped between that and the way out would do it
    // twice. Leaving touches no memory, so it goes with the access before it.
    if (!this.#leaves(ref, kind)) return ref;
    return this.#leaveBefore(this.#mayHaveStored ? ref : this.#covered(ref, false), kind);
  }

  /**
   * A way out may be conditional, and is that after its condition: the code goes between the two. What it
   * is for besides disarming: the optimiser moves no store behind it, out of the section.
   */
  #leaveBefore(ref: Ref, kind: Kind): Ref {
    const { ir } = this;
    const { disarmsOnLeaving } = this.options.abi;
    const disarm = disarmsOnLeaving ? this.#placeholder('disarm') : [];
    const leave = [...disarm, ...this.#placeholder('leave')];
    const condition = ir.operands(ref).find(({ name }) => name === 'Condition');
    if (kind === 'Return' || condition === undefined) return ir.before(this.func, ref, leave);
    const isPlainBranch = kind === 'Break' && ir.operands(ref).length === 1;
    if (isPlainBranch) {
      const branch = ir.module.br(ir.text(ref, 'Name'));
      return ir.module.if(condition.get(), ir.sequence([...leave, branch]));
    }
    if (disarmsOnLeaving) throw this.#error(ref, `${kind} that may leave the section`);
    return ref;
  }

  /** br_if L (r = check): what the ABI has to look at with the first point behind it. */
  #check(): Ref[] {
    const { module, binaryen } = this.ir;
    return this.#placeholderCall('check', binaryen.i32).map((call) =>
      module.br(this.#label, module.local.tee(this.#result, call, binaryen.i32)),
    );
  }

  #placeholder(kind: PlaceholderKind): Ref[] {
    return this.#placeholderCall(kind, this.ir.binaryen.none);
  }

  #placeholderCall(kind: PlaceholderKind, result: Type): Ref[] {
    if (kind !== 'leave' && this.options.abi.emit[kind] === undefined) return [];
    const { module, binaryen } = this.ir;
    const name = placeholderName(kind, this.index);
    if (this.ir.importNames(RSEQ_MODULE, name).size === 0) {
      module.addFunctionImport(name, RSEQ_MODULE, name, binaryen.none, result);
    }
    return [module.call(name, [], result)];
  }

  #visitIf(ref: Ref): Ref {
    const [condition, ...arms] = this.ir.operands(ref);
    condition?.set(this.#visit(condition.get()));
    const isCovered = this.#isCovered;
    let isCoveredAfter = arms.length === 2 || isCovered;
    for (const arm of arms) {
      this.#isCovered = isCovered;
      arm.set(this.#visit(arm.get()));
      isCoveredAfter &&= this.#isCovered;
    }
    this.#isCovered = isCoveredAfter;
    return ref;
  }

  /** The head of a loop is a point, so that a section can be interrupted in every turn of it. */
  #visitLoop(ref: Ref): Ref {
    const [body] = this.ir.operands(ref);
    if (this.#containsStore(ref)) this.#mayHaveStored = true;
    const point = this.#point();
    const rest = this.#visit(body?.get() as Ref);
    body?.set(this.ir.sequence([point, rest], this.ir.type(rest)));
    this.#isCovered = false;
    return ref;
  }

  #containsStore(root: Ref): boolean {
    let contains = false;
    this.ir.walk(root, (ref) => {
      contains ||= STORES.has(this.ir.kind(ref));
    });
    return contains;
  }

  #covered(ref: Ref, isAccess: boolean): Ref {
    const result = this.#isCovered ? ref : this.ir.before(this.func, ref, [this.#point()]);
    this.#isCovered = !isAccess && this.#isCovered;
    return result;
  }

  #leaves(ref: Ref, kind: Kind): boolean {
    if (kind === 'Return') return true;
    if (kind === 'Break') return !this.#innerLabels.has(this.ir.text(ref, 'Name'));
    if (kind !== 'Switch') return false;
    return this.ir.switchNames(ref).some((name) => !this.#innerLabels.has(name));
  }

  #collectLabels(statement: Ref): void {
    this.ir.walk(statement, (ref) => {
      const kind = this.ir.kind(ref);
      if (kind === 'Block' || kind === 'Loop') this.#innerLabels.add(this.ir.text(ref, 'Name'));
    });
  }

  /** br_if L (r = point): go back when the kernel has redirected the thread. */
  #point(): Ref {
    const { module, binaryen } = this.ir;
    this.#isCovered = true;
    const redirected = module.local.tee(this.#result, this.#pointCall(), binaryen.i32);
    return module.br(this.#label, redirected);
  }

  #pointCall(): Ref {
    const { module, binaryen } = this.ir;
    const name = pointName(this.index, this.#pointLines.length);
    this.#pointLines.push(this.#line);
    module.addFunctionImport(name, RSEQ_MODULE, name, binaryen.none, binaryen.i32);
    return module.call(name, [], binaryen.i32);
  }

  /** Loop from the statement of restart() to the one that holds the section. */
  #wrap(): void {
    const { ir, section } = this;
    const { module } = ir;
    const { i32, none } = ir.binaryen;
    const list = new List(ir, section.restart.block);
    const { index } = section.restart;
    const count = section.lastIndex - index + 1;
    const body = list.children
      .slice(index, index + count)
      .map((statement) => this.#replaceRestart(statement, module.local.get(this.#result, i32)));
    const saved = this.options.restoreLocals ? this.#savedLocals(body) : { save: [], restore: [] };
    const disarm = this.options.abi.disarmsOnLeaving ? this.#placeholder('disarm') : [];
    const redirected = [...disarm, ...saved.restore];
    const restore =
      redirected.length === 0
        ? []
        : [module.if(module.local.get(this.#result, i32), module.block(null, redirected, none))];
    const loop = module.loop(this.#label, module.block(null, [...restore, ...body]));
    const clear = module.local.set(this.#result, module.i32.const(0));
    list.children.splice(index, count, clear, ...saved.save, loop);
    list.save();
  }

  #replaceRestart(root: Ref, value: Ref): Ref {
    if (root === this.section.restartCall) return value;
    for (const operand of this.ir.operands(root)) {
      const now = this.#replaceRestart(operand.get(), value);
      if (now !== operand.get()) operand.set(now);
    }
    return root;
  }

  #savedLocals(body: readonly Ref[]): { save: Ref[]; restore: Ref[] } {
    const { ir } = this;
    const { module } = ir;
    const written = new Map<number, number>();
    for (const statement of body) {
      ir.walk(statement, (ref) => {
        if (ir.kind(ref) !== 'LocalSet' || ir.get(ref, 'Index') === this.#result) return;
        written.set(ir.get(ref, 'Index'), ir.localType(this.func, ir.get(ref, 'Index')));
      });
    }
    const save: Ref[] = [];
    const restore: Ref[] = [];
    for (const [local, type] of written) {
      const copy = ir.addLocal(this.func, type);
      save.push(module.local.set(copy, module.local.get(local, type)));
      restore.push(module.local.set(local, module.local.get(copy, type)));
    }
    return { save, restore };
  }

  #describeCall(ref: Ref): string {
    const kind = this.ir.kind(ref);
    return kind === 'Call' ? `call of ${this.ir.text(ref, 'Target')}` : `${kind}`;
  }

  #error(ref: Ref | undefined, rule: string): LabelError {
    const line = (ref === undefined ? this.section.line : this.lines.get(ref)) ?? this.#line;
    const { name } = this.ir.binaryen.getFunctionInfo(this.func);
    return new LabelError(rule, name, line?.file ?? '', line?.line ?? 0);
  }
}

/** The children of a block, edited as an array and written back. */
class List {
  readonly children: Ref[];

  constructor(
    readonly ir: Ir,
    readonly block: Ref,
  ) {
    this.children = ir.operands(block).map((operand) => operand.get());
  }

  save(): void {
    const { Block } = this.ir.binaryen as unknown as {
      Block: { setChildren(block: Ref, children: Ref[]): void };
    };
    Block.setChildren(this.block, this.children);
  }
}
