// Metering: every instruction costs one unit of fuel, and at an interruption point the thread asks
// the host for more when there is none left.
//
// Points stand at loop heads and where entry-points.ts wants them; in 'instruction' metering also before
// every access to memory and every system call. Inside a section they stand where lowering put them,
// whatever the metering.
// What was executed since the last charge is charged at the next point, and before control flow
// splits or joins; only points look at the result. So fuel is exact at every point.
//
// A function has its fuel in a local. The register, a global, is right whenever other code runs: it is
// stored before a call and a return, and loaded at entry and behind a call. The same goes for the thread
// pointer and the per-CPU base where they are used, but those are never stored: only the kernel writes them.

import { hex, type Metering } from '../abi/code-map.js';
import { BYTES_PER_FUEL, IMPORT_SYSCALL, RSEQ_MODULE, UNWIND_PAGES } from '../abi/module.js';
import { accesses, isAccess, keep } from './access.js';
import type { Ref } from './binaryen.js';
import { addPassiveSegment } from './contract.js';
import { type Ir, ToolchainError } from './ir.js';
import { entryPoints } from './entry-points.js';
import { fuelOf, hasOpenCost } from './fuel.js';
import { CodeLayout, type SectionCopy } from './layout.js';
import { type LoweredSection, parsePointName, pointName } from './lower.js';
import {
  ACCESSED,
  DESCRIPTORS,
  FUEL,
  GROW,
  GS,
  POINT,
  SECTION_POINT,
  SECTIONS_ENTERED,
  SYSCALL,
  TP,
} from './names.js';
import {
  address,
  encodeDescriptors,
  parsePlaceholderName,
  placeholderName,
  type PlaceholderKind,
  type SectionAbi,
} from './section-abi.js';
import { emitPlaceholder, isPlaceholder, isPointTest, SectionCosts } from './section-costs.js';
import type { SourceLine, SourceLines } from './source-lines.js';

export interface MeterOptions {
  readonly metering: Metering;
  readonly abi: SectionAbi;
  /** Sections twice. */
  readonly fastPath: boolean;
}

/** Longest turn, in fuel, of a loop of which there is a fast copy: a limit to the code, not the time. */
const MAX_HOT_FUEL = 4000;

/**
 * Shortest turn, in fuel, of a loop without sections of which there is a fast copy. Engines make better
 * code of a loop that only leaves when fuel is short; in short turns that does not show.
 */
const MIN_HOT_FUEL = 30;

/** The local that holds a register, by the register's name. */
export type RegisterLocals = ReadonlyMap<string, number>;

export interface Metered {
  /** The addresses given out. */
  readonly layout: CodeLayout;
  /** The locals that hold registers, by function. */
  readonly registers: ReadonlyMap<string, RegisterLocals>;
}

/** Meter every function. */
export function meterModule(
  ir: Ir,
  lines: SourceLines,
  sections: readonly LoweredSection[],
  options: MeterOptions,
): Metered {
  const functions = ir.definedFunctions();
  const copies = findCopies(ir, functions, sections);
  const layout = new CodeLayout(copies, options.abi.signatureBytes);
  ir.module.addGlobal(DESCRIPTORS, ir.binaryen.i32, true, ir.module.i32.const(0));
  replaceAddressCalls(ir, layout);
  replaceDescriptorCalls(ir, layout);
  const unmet = layout.copies.values();
  const syscalls = ir.importNames(RSEQ_MODULE, IMPORT_SYSCALL);
  const entries = entryPoints(ir, functions);
  const registers = new Map<string, RegisterLocals>();
  for (const func of functions) {
    const { name } = ir.binaryen.getFunctionInfo(func);
    const meter = new FunctionMeter(ir, func, lines, layout, unmet, syscalls, options);
    registers.set(name, meter.meter(entries.has(name)));
  }
  removePointImports(ir);
  return { layout, registers };
}

/** Every copy begins with the one point 0 it has. */
function findCopies(
  ir: Ir,
  functions: readonly Ref[],
  sections: readonly LoweredSection[],
): { section: LoweredSection; function: string }[] {
  return functions.flatMap((func) => {
    const { name, body } = ir.binaryen.getFunctionInfo(func);
    const found: { section: LoweredSection; function: string }[] = [];
    ir.walk(body, (ref) => {
      const point = ir.kind(ref) === 'Call' ? parsePointName(ir.text(ref, 'Target')) : undefined;
      if (point?.point !== 0) return;
      found.push({ section: sections[point.section] as LoweredSection, function: name });
    });
    return found;
  });
}

/** The addresses a program registers with the kernel. */
function replaceAddressCalls(ir: Ir, layout: CodeLayout): void {
  const { start, end, restart } = layout.critical;
  for (const [base, ip] of Object.entries({
    critical_start: start,
    critical_end: end,
    critical_restart: restart,
  })) {
    ir.replaceImport(RSEQ_MODULE, base, () => address(ir, ip));
  }
}

const DESCRIPTOR_DATA = 'rseq.descriptor_data';

/** init_descriptors(table) copies the descriptors to `table` and makes it the one sections use. */
function replaceDescriptorCalls(ir: Ir, { copies }: CodeLayout): void {
  const { module } = ir;
  const { i32 } = module;
  ir.replaceImport(RSEQ_MODULE, 'section_count', () => i32.const(copies.length));
  if (ir.importNames(RSEQ_MODULE, 'init_descriptors').size === 0) return;
  const data = encodeDescriptors(copies);
  addPassiveSegment(ir, DESCRIPTOR_DATA, data);
  ir.replaceImport(RSEQ_MODULE, 'init_descriptors', (call) => {
    const table = ir.operands(call)[0]?.get() as Ref;
    const copy = module.memory.init(
      DESCRIPTOR_DATA,
      module.global.get(DESCRIPTORS, ir.binaryen.i32),
      i32.const(0),
      i32.const(data.length),
    );
    return ir.sequence([module.global.set(DESCRIPTORS, table), copy]);
  });
}

function removePointImports(ir: Ir): void {
  const { module, binaryen } = ir;
  const names: string[] = [];
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const { name, base } = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (parsePointName(base) !== undefined || parsePlaceholderName(base) !== undefined) {
      names.push(name);
    }
  }
  for (const name of names) module.removeFunction(name);
}

class FunctionMeter {
  readonly #name: string;
  /** Instructions since the last charge. */
  #pending = 0;
  /** True after a section's point until the next access: that access has its point. */
  #isCovered = false;
  /** The copies of this function's sections met so far, by section number. */
  readonly #copies = new Map<number, SectionCopy>();
  /** The copy between whose start and end points the walk is. */
  #open: SectionCopy | undefined;
  /** The same where control goes on at a label. */
  readonly #openAt = new Map<string, SectionCopy>();
  #nextListed = '';
  /** True in a copy that is only entered with fuel for all of it. */
  #isFast = false;
  /** True in the code that such a copy has been made of. */
  #isDoubled = false;
  #hotLoops = 0;
  readonly #calls: ReadonlySet<string>;
  readonly #costs: SectionCosts;
  readonly #registers: RegisterLocals;
  #line: SourceLine | undefined;

  constructor(
    readonly ir: Ir,
    readonly func: Ref,
    readonly lines: SourceLines,
    readonly layout: CodeLayout,
    readonly unmet: IterableIterator<SectionCopy>,
    readonly syscalls: ReadonlySet<string>,
    readonly options: MeterOptions,
  ) {
    const { name, body } = ir.binaryen.getFunctionInfo(func);
    this.#name = name;
    this.#calls = ir.callTargets(body);
    this.#costs = new SectionCosts(ir, options.abi, body);
    const used = [FUEL, ...usedRegisters(ir, body)];
    const { i32 } = ir.binaryen;
    this.#registers = new Map(used.map((name) => [name, ir.addLocal(func, i32)] as const));
  }

  meter(hasEntryPoint: boolean): RegisterLocals {
    const { ir } = this;
    const { body } = ir.binaryen.getFunctionInfo(this.func);
    this.#line = this.lines.first(ir, body);
    const entry = [...this.#loadRegisters(), ...(hasEntryPoint ? this.#point() : [])];
    const visited = this.#visit(body);
    const metered = this.#storeFuelAfter(visited);
    ir.binaryen.Function.setBody(this.func, ir.sequence([...entry, metered], ir.type(metered)));
    return this.#registers;
  }

  #visit(ref: Ref): Ref {
    const { ir } = this;
    this.#line = this.lines.get(ref) ?? this.#line;
    switch (ir.kind(ref)) {
      case 'Block':
        return this.#visitBlock(ref);
      case 'If':
        return this.#visitIf(ref);
      case 'Loop':
        return this.#visitLoop(ref);
      case 'Break':
        return this.#visitBreak(ref);
      case 'Call':
        return this.#visitCall(ref);
      case 'Switch':
        this.#visitOperands(ref);
        for (const name of ir.switchNames(ref)) this.#keepOpen(name);
        this.#count(ref);
        return this.#chargeBefore(ref);
      case 'Unreachable':
        this.#visitOperands(ref);
        this.#count(ref);
        return this.#chargeBefore(ref);
      case 'Return':
        this.#visitOperands(ref);
        this.#count(ref);
        return this.ir.before(this.func, ref, this.#storeFuel());
      case 'CallIndirect':
        this.#visitOperands(ref);
        this.#count(ref);
        return this.#callOut(ref);
      case 'MemorySize':
        this.#count(ref);
        return this.#guestPages(ref);
      case 'MemoryGrow':
        return this.#visitGrow(ref);
      case 'GlobalGet':
        return this.#visitRead(ref);
      case 'Nop':
        return ref;
      default:
        this.#visitOperands(ref);
        return isAccess(ir, ref) ? this.#visitAccess(ref) : this.#count(ref);
    }
  }

  #visitRead(ref: Ref): Ref {
    const { ir } = this;
    if (isAccess(ir, ref)) return this.#visitAccess(ref);
    this.#count(ref);
    const local = this.#registers.get(ir.text(ref, 'Name'));
    return local === undefined ? ref : ir.module.local.get(local, ir.binaryen.i32);
  }

  #visitOperands(ref: Ref): void {
    for (const operand of this.ir.operands(ref)) operand.set(this.#visit(operand.get()));
  }

  #visitBlock(ref: Ref): Ref {
    const name = this.ir.text(ref, 'Name');
    const open = this.#open;
    this.#visitOperands(ref);
    if (name === '') return ref;
    if (open !== undefined && this.#openAt.get(name) === open) this.#open = open;
    // Whoever branches to the end has charged before; so does whoever falls through.
    const last = this.ir.operands(ref).at(-1);
    last?.set(this.#chargeAfter(last.get()));
    this.#isCovered = false;
    return ref;
  }

  #visitIf(ref: Ref): Ref {
    const [condition, ...arms] = this.ir.operands(ref);
    condition?.set(this.#visit(condition.get()));
    this.#count(ref);
    // Each arm charges for the condition too, at its own end: one charge on either way.
    const pending = this.#pending;
    const open = this.#open;
    let openAfter = arms.length === 1 ? open : undefined;
    const isCovered = this.#isCovered;
    let isCoveredAfter = arms.length === 2 || isCovered;
    for (const arm of arms) {
      this.#pending = pending;
      this.#isCovered = isCovered;
      this.#open = open;
      arm.set(this.#chargeAfter(this.#visit(arm.get())));
      isCoveredAfter &&= this.#isCovered;
      if (this.ir.type(arm.get()) !== this.ir.binaryen.unreachable) openAfter ??= this.#open;
    }
    this.#open = openAfter;
    if (arms.length === 1) {
      this.#pending = pending;
      const [charge] = this.#charge();
      if (charge !== undefined) this.ir.setElse(ref, charge);
    }
    this.#isCovered = isCoveredAfter;
    return ref;
  }

  #visitLoop(ref: Ref): Ref {
    if (this.#isFast) return this.#visitFast(ref);
    if (this.#isDoubled || this.options.metering !== 'block' || !this.options.fastPath) {
      return this.#visitOnce(ref);
    }
    if (this.#restartedSections(ref).length > 0) {
      return this.#hasOnlySections(ref) ? this.#visitTwice(ref) : this.#visitOnce(ref);
    }
    return this.#canBeHot(ref) ? this.#visitHot(ref) : this.#visitOnce(ref);
  }

  /** In a fast copy the only loops are those of sections, and nothing ever goes back to their heads. */
  #visitFast(loop: Ref): Ref {
    const [body] = this.ir.operands(loop);
    body?.set(this.#visit(body.get()));
    return loop;
  }

  /**
   * An innermost loop as
   *
   *     loop L { block cold { loop H { if (fuel is short of a turn) break cold; fast copy }; leave }
   *              point; body }
   *
   * Turns that have fuel for all of it stay in H, where nothing asks the host for anything, so nothing
   * there has to be resumable.
   */
  #visitHot(loop: Ref): Ref {
    const { ir } = this;
    const { module } = ir;
    const cold = `rseq.cold.${this.#hotLoops}`;
    const done = `rseq.done.${this.#hotLoops++}`;
    const [body] = ir.operands(loop);
    const worst = this.#costs.longest(body?.get() as Ref);
    const hot = ir.copy(loop);
    this.#isDoubled = true;
    const precise = this.#visitOnce(loop);
    this.#isDoubled = false;
    const [hotBody] = ir.operands(hot);
    this.#isFast = true;
    const turn = this.#chargeAfter(this.#visit(hotBody?.get() as Ref));
    this.#isFast = false;
    this.#isCovered = false;
    hotBody?.set(ir.sequence([module.br(cold, this.#isShortOf(worst)), turn]));
    const leave = ir.type(hot) === ir.binaryen.unreachable ? [] : [module.br(done)];
    const [preciseBody] = ir.operands(loop);
    const first = module.block(cold, [hot, ...leave]);
    preciseBody?.set(ir.sequence([first, preciseBody.get()]));
    return module.block(done, [precise]);
  }

  /**
   * A loop that gives no value, with sections or turns that are neither short nor very long, in which
   * nothing has a point but itself and sections.
   */
  #canBeHot(loop: Ref): boolean {
    const { none, unreachable } = this.ir.binaryen;
    const type = this.ir.type(loop);
    if (type !== none && type !== unreachable) return false;
    if (!this.#hasOnlySections(loop)) return false;
    const [body] = this.ir.operands(loop);
    const fuel = this.#costs.longest(body?.get() as Ref);
    const hasSection = [...this.ir.callTargets(loop)].some(isPlaceholder);
    return fuel <= MAX_HOT_FUEL && (hasSection || fuel >= MIN_HOT_FUEL);
  }

  /**
   * A section's loop as `if (there is fuel for all of it) fast copy else loop`. The copy is the same code
   * with points that never redirect, so it costs the same on every way through it.
   */
  #visitTwice(loop: Ref): Ref {
    const { ir } = this;
    const worst = this.#costs.longest(loop);
    const pending = this.#pending;
    const fast = ir.copy(loop);
    this.#isDoubled = true;
    const precise = this.#chargeAfter(this.#visitOnce(loop));
    this.#isDoubled = false;
    this.#pending = pending;
    this.#isFast = true;
    const [body] = ir.operands(fast);
    body?.set(this.#chargeAfter(this.#visit(body.get())));
    this.#isFast = false;
    this.#isCovered = false;
    return ir.module.if(this.#hasMoreThan(pending + worst), fast, precise);
  }

  /** Nothing in `loop` calls, and no loop is in it but those that restart labels head. */
  #hasOnlySections(loop: Ref): boolean {
    let isPlain = true;
    this.ir.walk(loop, (ref) => {
      const kind = this.ir.kind(ref);
      if (kind === 'Call') isPlain &&= isPlaceholder(this.ir.text(ref, 'Target'));
      else if (kind === 'CallIndirect' || kind === 'MemoryGrow') isPlain = false;
      else if (hasOpenCost(this.ir, ref)) isPlain = false;
      else if (kind === 'Loop' && ref !== loop) {
        isPlain &&= this.#restartedSections(ref).length > 0;
      }
    });
    return isPlain;
  }

  /** Numbers of the sections whose points branch to the head of `loop`. */
  #restartedSections(loop: Ref): number[] {
    const { ir } = this;
    const label = ir.text(loop, 'Name');
    const sections = new Set<number>();
    ir.walk(loop, (ref) => {
      if (ir.kind(ref) !== 'Break' || ir.text(ref, 'Name') !== label) return;
      ir.walk(ref, (inner) => {
        const point =
          ir.kind(inner) === 'Call' ? parsePointName(ir.text(inner, 'Target')) : undefined;
        if (point !== undefined) sections.add(point.section);
      });
    });
    return [...sections];
  }

  #hasMoreThan(fuel: number): Ref {
    return this.#compareFuel('gt_s', fuel);
  }

  #isShortOf(fuel: number): Ref {
    return this.#compareFuel('le_s', fuel);
  }

  #compareFuel(op: string, fuel: number): Ref {
    const { module } = this.ir;
    return (module.i32[op] as (a: Ref, b: Ref) => Ref)(this.#getFuel(), module.i32.const(fuel));
  }

  #visitOnce(ref: Ref): Ref {
    const { ir } = this;
    const entry = this.#charge();
    const [body] = ir.operands(ref);
    const inner = body?.get() as Ref;
    const label = ir.text(ref, 'Name');
    const head = this.#beginsWithPoint(inner) ? [] : this.#point(label);
    const metered = this.#chargeAfter(this.#visit(inner));
    this.#closeEndless();
    if (head.length > 0) body?.set(ir.sequence([...head, metered], ir.type(metered)));
    else body?.set(metered);
    this.#isCovered = false;
    return entry.length === 0 ? ref : ir.sequence([...entry, ref], ir.type(ref));
  }

  /**
   * A section that never comes to its end has no end point left; it is over where its loop is. One
   * that has may go on behind the loop: the optimiser moves a commit out of it.
   */
  #closeEndless(): void {
    if (this.#open === undefined) return;
    const { index, endPoint } = this.#open.section;
    const ends = [pointName(index, endPoint), placeholderName('leave', index)];
    if (!ends.some((name) => this.#calls.has(name))) this.#open = undefined;
  }

  /** The branch back to a restart label is what a label became: it costs nothing. */
  #visitBreak(ref: Ref): Ref {
    const condition = this.ir.operands(ref).find(({ name }) => name === 'Condition');
    if (condition !== undefined && isPointTest(this.ir, condition.get())) {
      if (isPlainPointTest(this.ir, condition.get())) return this.#redirectAt(ref, condition.get());
      this.#replacePoint(condition);
      return ref;
    }
    this.#visitOperands(ref);
    this.#keepOpen(this.ir.text(ref, 'Name'));
    this.#count(ref);
    return this.#chargeBefore(ref);
  }

  #keepOpen(label: string): void {
    if (this.#open !== undefined) this.#openAt.set(label, this.#open);
  }

  /** `br_if L (r = point)` as `if (fuel is spent) { r = ...; br_if L r } else { r = 0 }`. */
  #redirectAt(branch: Ref, test: Ref): Ref {
    const { ir } = this;
    const { module, binaryen } = ir;
    const isKept = ir.kind(test) === 'LocalSet';
    const call = isKept ? (ir.operands(test)[0]?.get() as Ref) : test;
    const { section, point } = parsePointName(ir.text(call, 'Target')) as {
      section: number;
      point: number;
    };
    const { before, ip } = this.#beginPoint(section, point);
    const result = isKept ? ir.get(test, 'Index') : ir.addLocal(this.func, binaryen.i32);
    const reset = module.local.set(result, module.i32.const(0));
    if (ip === undefined) return ir.sequence([...before, reset]);
    const redirect = [
      ...this.#askSection(ip, result),
      module.br(ir.text(branch, 'Name'), module.local.get(result, binaryen.i32)),
    ];
    return ir.sequence([...before, module.if(this.#isSpent(), ir.sequence(redirect), reset)]);
  }

  #replacePoint(condition: { get(): Ref; set(value: Ref): void }): void {
    const test = condition.get();
    if (this.ir.kind(test) === 'Call') condition.set(this.#visitCall(test));
    else for (const operand of this.ir.operands(test)) this.#replacePoint(operand);
  }

  #visitCall(ref: Ref): Ref {
    const { ir } = this;
    const target = ir.text(ref, 'Target');
    const point = parsePointName(target);
    if (point !== undefined) return this.#sectionPoint(point.section, point.point);
    const placeholder = parsePlaceholderName(target);
    if (placeholder !== undefined) return this.#expand(placeholder);
    this.#visitOperands(ref);
    if (this.syscalls.has(target)) return this.#systemCall(ref);
    this.#count(ref);
    return this.#callOut(ref);
  }

  /** What other threads do before it may change what it does: with a point, they can. */
  #systemCall(ref: Ref): Ref {
    const { ir } = this;
    const hasPoint = this.options.metering === 'instruction' && this.#open === undefined;
    const call = hasPoint ? ir.before(this.func, ref, this.#point()) : ref;
    this.#count(ref);
    const ip = ir.module.i32.const(this.layout.point(this.#name, this.#line));
    const args = ir.operands(call).map((operand) => operand.get());
    return this.#callOut(ir.module.call(SYSCALL, [ip, ...args], ir.binaryen.i32));
  }

  /** A call of code that uses fuel, or may give some. */
  #callOut(call: Ref): Ref {
    const { ir } = this;
    if (ir.operands(call).every((operand) => ir.isMovable(operand.get()))) {
      const returned = ir.after(this.func, call, this.#loadRegisters());
      return ir.sequence([...this.#storeFuel(), returned], ir.type(returned));
    }
    const ready = ir.before(this.func, call, this.#storeFuel());
    if (ir.type(ready) === ir.binaryen.unreachable) return ready;
    return ir.after(this.func, ready, this.#loadRegisters());
  }

  /** What the ABI wants here, metered like the program's own code. */
  #expand({ kind, section }: { kind: PlaceholderKind; section: number }): Ref {
    if (kind === 'arm' && !this.#isFast) this.#beginCopy(section);
    if (kind === 'leave' && !this.#isFast) this.#open = undefined;
    return this.#visit(emitPlaceholder(this.ir, this.options.abi, kind, this.#copies.get(section)));
  }

  #visitGrow(ref: Ref): Ref {
    this.#visitOperands(ref);
    this.#count(ref);
    const delta = this.ir.operands(ref).map((operand) => operand.get());
    return this.#chargeBefore(this.ir.module.call(GROW, delta, this.ir.binaryen.i32));
  }

  /** memory.size without the pages that are the host's. */
  #guestPages(size: Ref): Ref {
    const { i32 } = this.ir.module;
    return (i32['sub'] as (a: Ref, b: Ref) => Ref)(size, i32.const(UNWIND_PAGES));
  }

  #visitAccess(ref: Ref): Ref {
    const isCovered = this.#isCovered;
    this.#isCovered = false;
    const isNoted = this.options.metering === 'instruction';
    const isOpen = hasOpenCost(this.ir, ref);
    if (!isNoted && !isOpen) return this.#count(ref);
    const note = isNoted ? this.#noteAccess(ref) : [];
    const charge = isOpen ? this.#chargeBytes(ref) : [];
    const isPoint = !isCovered && this.#open === undefined;
    const point = isPoint ? this.#point() : [];
    const result = this.ir.before(this.func, ref, [...point, ...note, ...charge]);
    this.#count(ref);
    return result;
  }

  /** What the bytes cost that a bulk memory instruction is about to touch. */
  #chargeBytes(ref: Ref): Ref[] {
    const { ir } = this;
    const { i32, local } = ir.module;
    const binary = (op: 'shr_u' | 'sub', left: Ref, right: Ref): Ref =>
      (i32[op] as (a: Ref, b: Ref) => Ref)(left, right);
    const length = local.get(keep(ir, this.func, ref, 'Size'), ir.binaryen.i32);
    const cost = binary('shr_u', length, i32.const(Math.log2(BYTES_PER_FUEL)));
    return [local.set(this.#local(FUEL), binary('sub', this.#getFuel(), cost))];
  }

  /** What is accessed, told right before it is. Costs no fuel. */
  #noteAccess(ref: Ref): Ref[] {
    const { module, binaryen } = this.ir;
    return accesses(this.ir, this.func, ref).map(({ address, access }) =>
      module.call(ACCESSED, [address, access], binaryen.none),
    );
  }

  /** Charge, and ask the host when fuel is spent; in the loop `loop`, until it is not. */
  #point(loop = ''): Ref[] {
    return this.#pointAt(this.layout.point(this.#name, this.#line), loop);
  }

  #pointAt(ip: number, loop = ''): Ref[] {
    const { module, binaryen } = this.ir;
    const charge = this.#charge();
    const call = module.call(POINT, [module.i32.const(ip)], binaryen.i32);
    const again = loop === '' ? [] : [module.br(loop)];
    const ask = [...this.#storeFuel(), module.drop(call), ...this.#loadRegisters(), ...again];
    return [...charge, module.if(this.#isSpent(), module.block(null, ask))];
  }

  /** The value of a section's point: 0, or r10 when the kernel redirected the thread. */
  #sectionPoint(section: number, point: number): Ref {
    const { module, binaryen } = this.ir;
    const { before, ip } = this.#beginPoint(section, point);
    const zero = module.i32.const(0);
    if (ip === undefined) return this.ir.sequence([...before, zero], binaryen.i32);
    const result = this.ir.addLocal(this.func, binaryen.i32);
    const value = module.local.get(result, binaryen.i32);
    const ask = this.ir.sequence([...this.#askSection(ip, result), value], binaryen.i32);
    const test = module.if(this.#isSpent(), ask, zero);
    return this.ir.sequence([...before, test], binaryen.i32);
  }

  /** What comes before a section's point, and its address, or undefined where it does nothing. */
  #beginPoint(section: number, point: number): { before: Ref[]; ip: number | undefined } {
    if (this.#isFast) return { before: [], ip: undefined };
    const isFirst = point === 0 && this.options.abi.emit.arm === undefined;
    const copy = isFirst ? this.#beginCopy(section) : this.#copies.get(section);
    if (copy === undefined) throw new ToolchainError(`section ${section} has lost its start`);
    const ip = copy.start + point;
    if (ip === copy.end) return { before: this.#endPoint(copy), ip: undefined };
    this.#open = copy;
    this.#isCovered = true;
    this.#nextListed = hex(ip);
    const entered = point === 0 ? this.#countEntry() : [];
    return { before: [...entered, ...this.#charge()], ip };
  }

  /** result = section_point(ip) */
  #askSection(ip: number, result: number): Ref[] {
    const { module, binaryen } = this.ir;
    const call = module.call(SECTION_POINT, [module.i32.const(ip)], binaryen.i32);
    return [...this.#storeFuel(), module.local.set(result, call), ...this.#loadRegisters()];
  }

  /** The first the walk meets of a copy is its arm, or else its point 0. */
  #beginCopy(section: number): SectionCopy {
    const copy = this.unmet.next().value as SectionCopy;
    copy.fuel = this.#costs.of(section);
    this.#copies.set(section, copy);
    return copy;
  }

  /** After the commit: a point like any other where metering has one before every access. */
  #endPoint(copy: SectionCopy): Ref[] {
    this.#open = undefined;
    copy.listing.push(`${hex(copy.end)} end`);
    return this.options.metering === 'instruction' ? this.#pointAt(copy.end) : [];
  }

  #countEntry(): Ref[] {
    if (this.options.metering !== 'instruction') return [];
    const { module, binaryen } = this.ir;
    const entered = module.global.get(SECTIONS_ENTERED, binaryen.i32);
    return [module.global.set(SECTIONS_ENTERED, add(this.ir, entered, 1))];
  }

  #isSpent(): Ref {
    return this.#isShortOf(0);
  }

  #count(ref: Ref): Ref {
    this.#pending += fuelOf(this.ir, ref);
    if (this.#open !== undefined && !this.#isFast) {
      const text = instructionText(this.ir, ref);
      this.#open.listing.push(`${this.#nextListed.padEnd(8)} ${text}`);
      this.#nextListed = '';
    }
    return ref;
  }

  #charge(): Ref[] {
    const cost = this.#pending;
    if (cost === 0) return [];
    this.#pending = 0;
    return [this.ir.module.local.set(this.#local(FUEL), add(this.ir, this.#getFuel(), -cost))];
  }

  #getFuel(): Ref {
    return this.ir.module.local.get(this.#local(FUEL), this.ir.binaryen.i32);
  }

  #local(register: string): number {
    return this.#registers.get(register) as number;
  }

  /** local = register, for each. */
  #loadRegisters(): Ref[] {
    const { module, binaryen } = this.ir;
    return [...this.#registers].map(([name, local]) =>
      module.local.set(local, module.global.get(name, binaryen.i32)),
    );
  }

  /** register = fuel, with what is due taken off. The local is not right any more. */
  #storeFuel(): Ref[] {
    const cost = this.#pending;
    this.#pending = 0;
    const left = cost === 0 ? this.#getFuel() : add(this.ir, this.#getFuel(), -cost);
    return [this.ir.module.global.set(FUEL, left)];
  }

  #storeFuelAfter(ref: Ref): Ref {
    if (this.ir.type(ref) === this.ir.binaryen.unreachable) return ref;
    return this.ir.after(this.func, ref, this.#storeFuel());
  }

  #chargeBefore(ref: Ref): Ref {
    return this.ir.before(this.func, ref, this.#charge());
  }

  #chargeAfter(ref: Ref): Ref {
    const charge = this.#charge();
    if (charge.length === 0 || this.ir.type(ref) === this.ir.binaryen.unreachable) return ref;
    return this.ir.after(this.func, ref, charge);
  }

  /** True when the first thing that happens under `ref` is a section's point. */
  #beginsWithPoint(ref: Ref): boolean {
    const first = firstEvent(this.ir, ref);
    return first !== undefined && parsePointName(this.ir.text(first, 'Target')) !== undefined;
  }
}

/** Registers besides fuel that are read under `body`, or will be when sections are expanded. */
function usedRegisters(ir: Ir, body: Ref): string[] {
  const used = new Set<string>();
  ir.walk(body, (ref) => {
    if (ir.kind(ref) === 'GlobalGet') used.add(ir.text(ref, 'Name'));
    else if (ir.kind(ref) === 'Call' && isPlaceholder(ir.text(ref, 'Target'))) used.add(TP);
  });
  return [TP, GS].filter((name) => used.has(name));
}

/** The first call under `ref`, unless an access or a branch comes before it. */
function firstEvent(ir: Ir, ref: Ref): Ref | undefined {
  const kind = ir.kind(ref);
  const operands = kind === 'If' ? ir.operands(ref).slice(0, 1) : ir.operands(ref);
  for (const operand of operands) {
    const inner = operand.get();
    if (ir.isMovable(inner)) continue;
    return firstEvent(ir, inner);
  }
  return kind === 'Call' ? ref : undefined;
}

/** A point whose value is used as it is, or kept in a local. */
function isPlainPointTest(ir: Ir, ref: Ref): boolean {
  if (ir.kind(ref) === 'Call') return true;
  return ir.operands(ref).every((operand) => ir.kind(operand.get()) === 'Call');
}

function add(ir: Ir, value: Ref, amount: number): Ref {
  return (ir.module.i32['add'] as (a: Ref, b: Ref) => Ref)(value, ir.module.i32.const(amount));
}

/** Mnemonic and immediates. */
function instructionText(ir: Ir, ref: Ref): string {
  const text = (ir.binaryen['Expression'] as { toText(ref: Ref): string }).toText(ref);
  const [, head = ''] = /^\(?([^\n()]*)/.exec(text.trim()) ?? [];
  // The memory's name says nothing: there is one.
  return head.replace(/ \$0\b/, '').trim();
}
