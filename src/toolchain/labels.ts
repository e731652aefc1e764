// Finding sections: the calls of rseq.restart(), rseq.start() and rseq.end() in a function, paired
// and checked. The rule in one sentence: restart() runs before start() in the same statement list or
// one around it, and start() and end() are statements of one list with the section between them.

import { RSEQ_MODULE } from '../abi/module.js';
import type { Ref } from './binaryen.js';
import { type Ir, ToolchainError } from './ir.js';
import type { SourceLine, SourceLines } from './source-lines.js';

/** A label stands where it cannot mean anything. */
export class LabelError extends ToolchainError {
  override readonly name = 'LabelError';

  constructor(
    readonly rule: string,
    readonly functionName: string,
    readonly file: string,
    readonly line: number,
  ) {
    const place = file === '' ? functionName : `${functionName} (${file}:${line})`;
    super(`${place}: ${rule}`);
  }
}

/** Where a statement stands: a block and the index of one of its children. */
interface Position {
  readonly block: Ref;
  readonly index: number;
}

export interface LabelledSection {
  /** The statement that contains the call of restart(), and the call. */
  readonly restart: Position;
  readonly restartCall: Ref;
  /** Index, in the restart's block, of the statement that contains the section. */
  readonly lastIndex: number;
  readonly start: Position;
  /** In the same block as start. */
  readonly endIndex: number;
  readonly line: SourceLine | undefined;
}

export interface LabelNames {
  readonly restart: ReadonlySet<string>;
  readonly start: ReadonlySet<string>;
  readonly end: ReadonlySet<string>;
}

export function labelNames(ir: Ir): LabelNames {
  return {
    restart: ir.importNames(RSEQ_MODULE, 'restart'),
    start: ir.importNames(RSEQ_MODULE, 'start'),
    end: ir.importNames(RSEQ_MODULE, 'end'),
  };
}

/** The sections of `func` in order. Errors: LabelError at the first label that breaks a rule. */
export function findSections(
  ir: Ir,
  names: LabelNames,
  func: Ref,
  lines: SourceLines,
): LabelledSection[] {
  return new SectionFinder(ir, names, func, lines).find();
}

/** A step down the tree; `isAlways` when the child is evaluated whenever the parent is. */
interface Step {
  readonly parent: Ref;
  readonly index: number;
  readonly isAlways: boolean;
}

interface OpenRestart {
  readonly position: Position;
  readonly call: Ref;
}

class SectionFinder {
  readonly #sections: LabelledSection[] = [];
  readonly #path: Step[] = [];
  readonly #info;
  #restart: OpenRestart | undefined;
  #open: Omit<LabelledSection, 'endIndex'> | undefined;

  constructor(
    readonly ir: Ir,
    readonly names: LabelNames,
    readonly func: Ref,
    readonly lines: SourceLines,
  ) {
    this.#info = ir.binaryen.getFunctionInfo(func);
  }

  find(): LabelledSection[] {
    this.#visit(this.#info.body);
    if (this.#restart !== undefined) {
      throw this.#error(this.#restart.call, 'restart() without a start() after it');
    }
    return this.#sections;
  }

  #visit(ref: Ref): void {
    const { ir, names } = this;
    ir.operands(ref).forEach((operand, index) => {
      this.#path.push({ parent: ref, index, isAlways: this.#isAlwaysEvaluated(ref, operand.name) });
      this.#visit(operand.get());
      this.#path.pop();
    });
    if (ir.isCallOf(ref, names.restart)) this.#onRestart(ref);
    else if (ir.isCallOf(ref, names.start)) this.#onStart(ref);
    else if (ir.isCallOf(ref, names.end)) this.#onEnd(ref);
    else if (this.#open?.start.block === ref) {
      throw this.#errorAt(this.#open.line, 'start() without an end() in the same statement list');
    } else if (this.#restart?.position.block === ref && this.#open === undefined) {
      throw this.#error(this.#restart.call, 'restart() without a start() after it');
    }
  }

  #onRestart(call: Ref): void {
    if (this.#open !== undefined) throw this.#error(call, 'restart() inside a section');
    if (this.#restart !== undefined) {
      throw this.#error(
        this.#restart.call,
        'restart() without a start() before the next restart()',
      );
    }
    let at = this.#path.length - 1;
    while (at >= 0 && this.#path[at]?.isAlways && !this.#isBlock(this.#path[at])) at--;
    const step = this.#path[at];
    // What stands before it in its statement would run again with every restart.
    const isFirst = this.#path.slice(at + 1).every((below) => this.#isFirstToRun(below));
    if (!this.#isBlock(step) || !isFirst) {
      throw this.#error(call, 'restart() must be a statement or the condition of one');
    }
    this.#restart = { position: { block: step.parent, index: step.index }, call };
  }

  #onStart(call: Ref): void {
    if (this.#open !== undefined) {
      throw this.#error(call, 'start() inside a section: sections cannot be nested');
    }
    const step = this.#path.at(-1);
    if (!this.#isBlock(step)) {
      throw this.#error(call, 'start() crosses a branch: it must be a statement of its own');
    }
    const restart = this.#restart;
    const around = restart && this.#path.find(({ parent }) => parent === restart.position.block);
    if (restart === undefined || around === undefined) {
      throw this.#error(call, 'start() without a restart() of its own before it');
    }
    this.#open = {
      restart: restart.position,
      restartCall: restart.call,
      lastIndex: around.index,
      start: { block: step.parent, index: step.index },
      line: this.lines.get(call),
    };
  }

  #onEnd(call: Ref): void {
    const open = this.#open;
    if (open === undefined) throw this.#error(call, 'end() without a start() before it');
    const step = this.#path.at(-1);
    if (step?.parent !== open.start.block) {
      throw this.#error(
        call,
        'end() crosses a loop or branch: start() is in another statement list',
      );
    }
    const isSameList = open.restart.block === open.start.block;
    const lastIndex = isSameList ? step.index : open.lastIndex;
    this.#sections.push({ ...open, lastIndex, endIndex: step.index });
    this.#open = undefined;
    this.#restart = undefined;
  }

  #isAlwaysEvaluated(parent: Ref, operand: string): boolean {
    const kind = this.ir.kind(parent);
    return kind === 'If' ? operand === 'Condition' : kind !== 'Loop';
  }

  #isFirstToRun({ parent, index }: Step): boolean {
    const before = this.ir.operands(parent).slice(0, index);
    return before.every((operand) => this.ir.isMovable(operand.get()));
  }

  #isBlock(step: Step | undefined): step is Step {
    return step !== undefined && this.ir.kind(step.parent) === 'Block';
  }

  #error(ref: Ref, rule: string): LabelError {
    return this.#errorAt(this.lines.get(ref), rule);
  }

  #errorAt(line: SourceLine | undefined, rule: string): LabelError {
    return new LabelError(rule, this.#info.name, line?.file ?? '', line?.line ?? 0);
  }
}
