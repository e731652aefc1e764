// Which functions may suspend the thread that runs them, and which calls.

import { EXPORT_RUN } from '../abi/module.js';
import type { Ref } from './binaryen.js';
import { INTERRUPT, SYSTEM_CALL } from './names.js';
import type { Ir } from './ir.js';

const ENDS: ReadonlySet<string> = new Set([EXPORT_RUN, INTERRUPT, SYSTEM_CALL]);

/** Answers for the module as it was when this was made. */
export class SuspendingCalls {
  readonly #ir: Ir;
  readonly #functions = new Set([INTERRUPT, SYSTEM_CALL]);
  /** Signatures of the functions that may suspend and can be called by way of a table. */
  readonly #signatures = new Set<string>();

  constructor(ir: Ir) {
    this.#ir = ir;
    const callers = new Map<string, string[]>();
    const call = (callee: string, caller: string): void => {
      const known = callers.get(callee);
      if (known === undefined) callers.set(callee, [caller]);
      else known.push(caller);
    };
    for (const func of ir.definedFunctions()) {
      const { name, body } = ir.binaryen.getFunctionInfo(func);
      ir.walk(body, (ref) => {
        const kind = ir.kind(ref);
        if (kind === 'Call') call(ir.text(ref, 'Target'), name);
        else if (kind === 'CallIndirect') call(this.#signatureOf(ref), name);
      });
    }
    this.#close(callers, ir.functionValues());
  }

  /** True for a function that unwinds and rewinds: not for those at either end of the stack. */
  isSuspending(name: string): boolean {
    return this.#functions.has(name) && !ENDS.has(name);
  }

  /** True for a call that may come back only after the thread has been suspended. */
  has(ref: Ref): boolean {
    const kind = this.#ir.kind(ref);
    if (kind === 'Call') return this.#functions.has(this.#ir.text(ref, 'Target'));
    return kind === 'CallIndirect' && this.#signatures.has(this.#signatureOf(ref));
  }

  /** Every expression under `root` with such a call in it. */
  spine(root: Ref): Set<Ref> {
    const spine = new Set<Ref>();
    const visit = (ref: Ref): boolean => {
      let isSpine = this.has(ref);
      for (const operand of this.#ir.operands(ref)) isSpine = visit(operand.get()) || isSpine;
      if (isSpine) spine.add(ref);
      return isSpine;
    };
    visit(root);
    return spine;
  }

  #close(callers: ReadonlyMap<string, readonly string[]>, values: ReadonlySet<string>): void {
    const work = [...this.#functions];
    for (let callee = work.pop(); callee !== undefined; callee = work.pop()) {
      for (const caller of callers.get(callee) ?? []) {
        if (this.#functions.has(caller)) continue;
        this.#functions.add(caller);
        work.push(caller);
        if (!values.has(caller)) continue;
        const { params, results } = this.#ir.binaryen.getFunctionInfo(
          this.#ir.module.getFunction(caller),
        );
        const signature = signatureText(params, results);
        this.#signatures.add(signature);
        work.push(signature);
      }
    }
  }

  #signatureOf(call: Ref): string {
    return signatureText(this.#ir.get(call, 'Params'), this.#ir.get(call, 'Results'));
  }
}

/** A type is a number in Binaryen, the same for the same list of types. No function is called so. */
function signatureText(params: number, results: number): string {
  return `(${params}) -> ${results}`;
}
