// Before a function is made resumable, every call in it that may suspend becomes a statement of its own,
//
//     call f(...)      drop(call f(...))      local.set x (call f(...))
//
// in a block, in an arm of an if, or in the body of a loop, none of which gives a value. What stood on
// the operand stack across such a call waits in locals. The rest of the code stays as it is.
//
// The operands of the call can be evaluated again, with any values in the locals: they neither trap nor
// change anything.

import type { Ref } from './binaryen.js';
import { type Ir, type Operand, ToolchainError } from './ir.js';
import type { SuspendingCalls } from './suspending.js';

/** Rewrite the body of `func`; returns the new one. Errors: ToolchainError for several results. */
export function makeStatements(ir: Ir, func: Ref, calls: SuspendingCalls): Ref {
  const { name, results } = ir.binaryen.getFunctionInfo(func);
  if (ir.binaryen.expandType(results).length > 1) {
    throw new ToolchainError(`${name} returns several values; what can be suspended returns one`);
  }
  if (hasValuedBlock(ir, ir.binaryen.getFunctionInfo(func).body, calls)) {
    // Branches bring values to its end: Binaryen takes them all apart.
    ir.module.runPassesOnFunction(func, ['flatten', 'simplify-locals-notee-nostructure', 'vacuum']);
  }
  return new StatementMaker(ir, func, calls).make();
}

/** True when a named block with a suspending call in it has a value. */
function hasValuedBlock(ir: Ir, root: Ref, calls: SuspendingCalls): boolean {
  return [...calls.spine(root)].some(
    (ref) => ir.kind(ref) === 'Block' && ir.text(ref, 'Name') !== '' && hasValue(ir, ref),
  );
}

class StatementMaker {
  /** Expressions with a suspending call in them. */
  #spine: ReadonlySet<Ref> = new Set();

  constructor(
    readonly ir: Ir,
    readonly func: Ref,
    readonly calls: SuspendingCalls,
  ) {}

  make(): Ref {
    const { ir } = this;
    const { none } = ir.binaryen;
    const { body, results } = ir.binaryen.getFunctionInfo(this.func);
    this.#spine = this.calls.spine(body);
    const statements: Ref[] = [];
    const last = this.#split(body, statements);
    const isResult = results !== none && hasValue(ir, last);
    const value = isResult && this.calls.has(last) ? this.#keep(last, statements) : last;
    statements.push(isResult ? ir.module.return(value) : value);
    return ir.sequence(statements, results === none ? none : ir.binaryen.unreachable);
  }

  /** What stands where `ref` stood; what has to happen before it goes to `out`. */
  #split(ref: Ref, out: Ref[]): Ref {
    if (!this.#spine.has(ref)) return ref;
    switch (this.ir.kind(ref)) {
      case 'Block':
        return this.#splitBlock(ref, out);
      case 'If':
        return this.#splitIf(ref, out);
      case 'Loop':
        return this.#splitLoop(ref, out);
      default:
        this.#splitOperands(ref, out);
        return ref;
    }
  }

  #splitBlock(ref: Ref, out: Ref[]): Ref {
    const { ir } = this;
    const children = ir.operands(ref).map((operand) => operand.get());
    if (ir.text(ref, 'Name') === '') {
      const last = children.pop() as Ref;
      for (const child of children) out.push(this.#split(child, out));
      return this.#split(last, out);
    }
    const statements: Ref[] = [];
    for (const child of children) statements.push(this.#split(child, statements));
    return ir.module.block(ir.text(ref, 'Name'), statements, ir.type(ref));
  }

  #splitIf(ref: Ref, out: Ref[]): Ref {
    const { ir } = this;
    const [condition, ...arms] = ir.operands(ref);
    condition?.set(this.#splitOperand(condition, out));
    if (!arms.some((arm) => this.#spine.has(arm.get()))) return ref;
    const local = hasValue(ir, ref) ? ir.addLocal(this.func, ir.type(ref)) : undefined;
    const [ifTrue, ifFalse] = arms.map((arm) => this.#body(arm.get(), local));
    const test = condition?.get() as Ref;
    return this.#valueOf(local, ir.module.if(test, ifTrue as Ref, ifFalse), out);
  }

  #splitLoop(ref: Ref, out: Ref[]): Ref {
    const { ir } = this;
    const [body] = ir.operands(ref);
    const local = hasValue(ir, ref) ? ir.addLocal(this.func, ir.type(ref)) : undefined;
    const statements = this.#body(body?.get() as Ref, local);
    return this.#valueOf(local, ir.module.loop(ir.text(ref, 'Name') || null, statements), out);
  }

  /** A part of a control structure; its value goes to `local`. */
  #body(ref: Ref, local: number | undefined): Ref {
    const { ir } = this;
    const statements: Ref[] = [];
    const value = this.#split(ref, statements);
    const isKept = local !== undefined && hasValue(ir, value);
    statements.push(isKept ? ir.module.local.set(local, value) : value);
    return ir.module.block(null, statements);
  }

  #valueOf(local: number | undefined, structure: Ref, out: Ref[]): Ref {
    if (local === undefined) return structure;
    out.push(structure);
    return this.ir.module.local.get(local, this.ir.localType(this.func, local));
  }

  /** The operands up to the last that may suspend wait in locals; of a call that does, all may. */
  #splitOperands(ref: Ref, out: Ref[]): void {
    const { ir } = this;
    const operands = ir.operands(ref);
    const isCall = this.calls.has(ref);
    const mustWait = (operand: Operand): boolean =>
      this.#spine.has(operand.get()) || (isCall && !ir.isMovable(operand.get()));
    const count = operands.findLastIndex(mustWait) + 1;
    operands.forEach((operand, index) => {
      // The table index is needed again.
      const isTarget = isCall && operand.name === 'Target';
      if (index < count - 1 || (isCall && index < count) || isTarget) this.#wait(operand, out);
      else if (index === count - 1) operand.set(this.#splitLast(ref, operand, out));
    });
  }

  /** A suspending call can stay where it is a statement then. */
  #splitLast(ref: Ref, operand: Operand, out: Ref[]): Ref {
    const kind = this.ir.kind(ref);
    const isStatement = (kind === 'LocalSet' || kind === 'Drop') && !hasValue(this.ir, ref);
    const isCall = this.calls.has(operand.get());
    return isStatement && isCall
      ? this.#split(operand.get(), out)
      : this.#splitOperand(operand, out);
  }

  /** The operand, in which there is no suspending call any more. */
  #splitOperand(operand: Operand, out: Ref[]): Ref {
    const value = this.#split(operand.get(), out);
    return this.calls.has(value) || !hasValue(this.ir, value) ? this.#keep(value, out) : value;
  }

  #wait(operand: Operand, out: Ref[]): void {
    const value = this.#split(operand.get(), out);
    operand.set(this.ir.kind(value) === 'Const' ? value : this.#keep(value, out));
  }

  #keep(value: Ref, out: Ref[]): Ref {
    const { ir } = this;
    const type = ir.type(value);
    if (!hasValue(ir, value)) {
      out.push(value);
      return ir.module.unreachable();
    }
    const local = ir.addLocal(this.func, type);
    out.push(ir.module.local.set(local, value));
    return ir.module.local.get(local, type);
  }
}

function hasValue(ir: Ir, ref: Ref): boolean {
  const { none, unreachable } = ir.binaryen;
  const type = ir.type(ref);
  return type !== none && type !== unreachable;
}
