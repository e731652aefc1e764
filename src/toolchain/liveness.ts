// The locals that a function still needs when one of its suspending calls has come back.

import type { Ref } from './binaryen.js';
import type { Ir } from './ir.js';
import type { SuspendingCalls } from './suspending.js';

/** A set of locals: bit n is local n. */
export type Locals = bigint;

/** Code that runs from its beginning to its end. */
interface BasicBlock {
  /** Locals read before they are written here. */
  uses: Locals;
  writes: Locals;
  readonly successors: BasicBlock[];
  liveIn: Locals;
}

/**
 * For every suspending call, in the order of the code, the locals that are read after it with the value
 * they had before it. `body` is of the form that statements.ts makes.
 */
export function liveAfterCalls(ir: Ir, body: Ref, calls: SuspendingCalls): readonly Locals[] {
  const graph = new ControlFlowGraph(ir, calls);
  graph.add(body);
  graph.solve();
  return graph.afterCalls.map(({ liveIn }) => liveIn);
}

export function isIn(locals: Locals, local: number): boolean {
  return ((locals >> BigInt(local)) & 1n) === 1n;
}

class ControlFlowGraph {
  /** In the order of the code. */
  readonly #blocks: BasicBlock[] = [];
  /** Each begins with what a suspending call gives. */
  readonly afterCalls: BasicBlock[] = [];
  /** Where a branch to a label goes. */
  readonly #targets = new Map<string, BasicBlock>();
  #current: BasicBlock;

  constructor(
    readonly ir: Ir,
    readonly calls: SuspendingCalls,
  ) {
    this.#current = this.#begin();
  }

  add(ref: Ref): void {
    const { ir } = this;
    switch (ir.kind(ref)) {
      case 'Block':
        return this.#addBlock(ref);
      case 'If':
        return this.#addIf(ref);
      case 'Loop':
        return this.#addLoop(ref);
      case 'Break':
      case 'Switch':
        return this.#addBranch(ref);
      case 'LocalGet':
        return this.#use(ir.get(ref, 'Index'));
      default:
        this.#addOperands(ref);
    }
    if (this.calls.has(ref)) this.#addCall(ref);
    else if (ir.kind(ref) === 'LocalSet') this.#write(ir.get(ref, 'Index'));
    else if (ir.kind(ref) === 'Return' || ir.kind(ref) === 'Unreachable') this.#leave();
  }

  /** Least fixed point: what is live at the start of every block. */
  solve(): void {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      for (let index = this.#blocks.length - 1; index >= 0; index--) {
        const block = this.#blocks[index] as BasicBlock;
        let out = 0n;
        for (const successor of block.successors) out |= successor.liveIn;
        const liveIn = block.uses | (out & ~block.writes);
        isDone &&= liveIn === block.liveIn;
        block.liveIn = liveIn;
      }
    }
  }

  #addOperands(ref: Ref): void {
    for (const operand of this.ir.operands(ref)) this.add(operand.get());
  }

  #addBlock(ref: Ref): void {
    const name = this.ir.text(ref, 'Name');
    if (name === '') return this.#addOperands(ref);
    const end = this.#newBlock();
    this.#targets.set(name, end);
    this.#addOperands(ref);
    this.#goTo(end);
  }

  #addIf(ref: Ref): void {
    const [condition, ...arms] = this.ir.operands(ref).map((operand) => operand.get());
    this.add(condition as Ref);
    const fork = this.#current;
    const end = this.#newBlock();
    if (arms.length === 1) fork.successors.push(end);
    for (const arm of arms) {
      this.#current = this.#begin();
      fork.successors.push(this.#current);
      this.add(arm);
      this.#current.successors.push(end);
    }
    this.#enter(end);
  }

  #addLoop(ref: Ref): void {
    const head = this.#newBlock();
    this.#targets.set(this.ir.text(ref, 'Name'), head);
    this.#goTo(head);
    this.#addOperands(ref);
  }

  #addBranch(ref: Ref): void {
    const { ir } = this;
    this.#addOperands(ref);
    const isBreak = ir.kind(ref) === 'Break';
    const names = isBreak ? [ir.text(ref, 'Name')] : ir.switchNames(ref);
    const targets = names.map((name) => this.#targets.get(name) as BasicBlock);
    this.#current.successors.push(...targets);
    const isConditional = isBreak && ir.operands(ref).some(({ name }) => name === 'Condition');
    if (isConditional) this.#goTo(this.#newBlock());
    else this.#leave();
  }

  #addCall(call: Ref): void {
    this.#goTo(this.#newBlock());
    this.afterCalls.push(this.#current);
    if (this.ir.kind(call) !== 'CallIndirect') return;
    // A call that is made again on the way back must find its target.
    for (const operand of this.ir.operands(call)) {
      if (operand.name === 'Target') this.add(operand.get());
    }
  }

  #use(local: number): void {
    const bit = 1n << BigInt(local);
    if ((this.#current.writes & bit) === 0n) this.#current.uses |= bit;
  }

  #write(local: number): void {
    this.#current.writes |= 1n << BigInt(local);
  }

  #newBlock(): BasicBlock {
    return { uses: 0n, writes: 0n, successors: [], liveIn: 0n };
  }

  #begin(): BasicBlock {
    const block = this.#newBlock();
    this.#blocks.push(block);
    return block;
  }

  #enter(block: BasicBlock): void {
    this.#blocks.push(block);
    this.#current = block;
  }

  #goTo(block: BasicBlock): void {
    this.#current.successors.push(block);
    this.#enter(block);
  }

  /** What follows is not reached from here. */
  #leave(): void {
    this.#current = this.#begin();
  }
}
