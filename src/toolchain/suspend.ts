// Where a thread stops and goes on: `run`, at the bottom of every stack, and the two functions at the top
// of a suspended one. Between the two the stack unwinds into the context and rewinds out of it, by either
// transform of resume.ts.
//
//   run ──► enter ──► ... ──► interrupt      state = unwinding; every function returns at once
//   run ──► enter ──► ... ──► interrupt      state = rewinding until here; gives CONTEXT_RESUME_VALUE
//
// While the stack rewinds the fuel register is 0, so that code which asks for fuel learns of it.

import {
  ACCESS_BYTES,
  CONTEXT_ACCESSES,
  CONTEXT_ARGS,
  CONTEXT_ARGUMENT,
  CONTEXT_CX,
  CONTEXT_DX,
  CONTEXT_FUEL,
  CONTEXT_FUNCTION,
  CONTEXT_GS,
  CONTEXT_IP,
  CONTEXT_R10,
  CONTEXT_RESUME_VALUE,
  CONTEXT_SIGNAL_HANDLER,
  CONTEXT_SIGNAL_NUMBER,
  CONTEXT_STACK,
  CONTEXT_STACK_END,
  CONTEXT_STACK_LIMIT,
  CONTEXT_SYSNO,
  CONTEXT_TP,
  CONTEXT_USED,
  CONTEXT_VALUE,
  EXIT_INTERRUPTED,
  EXIT_RETURNED,
  EXIT_SYSCALL,
  EXPORT_RUN,
  PAGE_BYTES,
  UNWIND_PAGES,
} from '../abi/module.js';
import type { Ref } from './binaryen.js';
import {
  ACCESSED,
  CX,
  DX,
  ENTER,
  FUEL,
  GROW,
  GS,
  INTERRUPT,
  R10,
  SIGNAL_HANDLER,
  SIGNAL_NUMBER,
  SYSTEM_CALL,
  TP,
} from './names.js';
import type { Ir } from './ir.js';

/** How stacks unwind: 'frames' is ours (frames.ts), 'asyncify' Binaryen's, slower and the reference. */
export type ResumeTransform = 'frames' | 'asyncify';

export const STATE = 'rseq.state';
const UNWINDING = 1;
export const REWINDING = 2;
/** Address of the running thread's context. */
const CONTEXT = 'rseq.context';
/**
 * Address behind the part of the unwound stack that is in use. It ends where the memory does: a frame
 * that does not fit is a trap.
 */
export const STACK = 'rseq.stack';
/** Why the stack unwinds: EXIT_INTERRUPTED or EXIT_SYSCALL. */
const EXIT = 'rseq.exit';
/** While a stack rewinds: the call of the innermost function so far that it leads to; otherwise 0. */
export const TARGET = 'rseq.target';
/** What the interruption point gives that a function goes on behind. */
export const POINT_VALUE = 'rseq.point_value';

/** Where the next access is written down; 0: nowhere. */
const ACCESSES = 'rseq.accesses';

const HOST_BYTES = UNWIND_PAGES * PAGE_BYTES;
/** A little below the end of memory, which may be an address that has no 32-bit number. */
const LIMIT = HOST_BYTES - 16;
const ARGUMENTS = 6;

/** Binaryen's runtime, which it finds by these imports. */
const ASYNCIFY = 'asyncify';

const LOADED: readonly (readonly [string, number])[] = [
  [TP, CONTEXT_TP],
  [GS, CONTEXT_GS],
  [R10, CONTEXT_R10],
  [CX, CONTEXT_CX],
  [DX, CONTEXT_DX],
  [SIGNAL_HANDLER, CONTEXT_SIGNAL_HANDLER],
  [SIGNAL_NUMBER, CONTEXT_SIGNAL_NUMBER],
  [ACCESSES, CONTEXT_ACCESSES],
];

/** Add run, interrupt, system_call and grow, which `enter` and the points need. */
export function addSuspension(ir: Ir, transform: ResumeTransform): void {
  const { module, binaryen } = ir;
  const { i32, none } = binaryen;
  for (const name of [STATE, CONTEXT, STACK, EXIT, TARGET, POINT_VALUE, ACCESSES]) {
    module.addGlobal(name, i32, true, module.i32.const(0));
  }
  if (transform === 'asyncify') {
    for (const name of ['start_unwind', 'start_rewind']) {
      module.addFunctionImport(`${ASYNCIFY}.${name}`, ASYNCIFY, name, i32, none);
    }
    for (const name of ['stop_unwind', 'stop_rewind']) {
      module.addFunctionImport(`${ASYNCIFY}.${name}`, ASYNCIFY, name, none, none);
    }
  }
  const builder = new SuspensionBuilder(ir, transform);
  builder.addInterrupt();
  builder.addSystemCall();
  builder.addGrow();
  builder.addAccessed();
  builder.addRun();
}

class SuspensionBuilder {
  readonly #i32: number;

  constructor(
    readonly ir: Ir,
    readonly transform: ResumeTransform,
  ) {
    this.#i32 = ir.binaryen.i32;
  }

  addInterrupt(): void {
    const { module } = this.ir;
    const body = [this.#resume(), this.#put(CONTEXT_IP, this.#local(0))];
    module.addFunction(
      INTERRUPT,
      this.#i32,
      this.#i32,
      [],
      this.ir.sequence([...body, ...this.#suspend(EXIT_INTERRUPTED)], this.#i32),
    );
  }

  addSystemCall(): void {
    const { ir } = this;
    const args = Array.from({ length: ARGUMENTS }, (_, index) =>
      this.#put(CONTEXT_ARGS + index * 4, this.#local(2 + index)),
    );
    const body = [
      this.#resume(),
      this.#put(CONTEXT_IP, this.#local(0)),
      this.#put(CONTEXT_SYSNO, this.#local(1)),
      ...args,
      ...this.#suspend(EXIT_SYSCALL),
    ];
    const params = ir.words(2 + ARGUMENTS);
    ir.module.addFunction(SYSTEM_CALL, params, this.#i32, [], ir.sequence(body, this.#i32));
  }

  /**
   * The host's pages stay the last: on growth they move up, and where they were is zeroed, for that is
   * the guest's now.
   */
  addGrow(): void {
    const { module } = this.ir;
    const grown = module.local.tee(1, module.memory.grow(this.#local(0)), this.#i32);
    const failed = this.#binary('eq', grown, module.i32.const(-1));
    const distance = this.#binary('shl', this.#local(0), module.i32.const(16));
    const moved = module.memory.fill(
      this.#global(CONTEXT),
      module.i32.const(0),
      this.#load(CONTEXT_USED),
    );
    const body = [
      module.if(failed, module.return(module.i32.const(-1))),
      // By nothing a program can grow it as often as it likes.
      module.if(this.#local(0), moved),
      module.global.set(CONTEXT, this.#binary('add', this.#global(CONTEXT), distance)),
      // The list has not moved, and may be the guest's now.
      module.global.set(ACCESSES, module.i32.const(0)),
      this.#binary('sub', this.#local(1), module.i32.const(UNWIND_PAGES)),
    ];
    module.addFunction(GROW, this.#i32, this.#i32, [this.#i32], this.ir.sequence(body, this.#i32));
  }

  /** accessed(address, access): one more entry of the list. */
  addAccessed(): void {
    const { ir } = this;
    const { module } = ir;
    const at = (): Ref => this.#global(ACCESSES);
    const next = this.#binary('add', at(), module.i32.const(ACCESS_BYTES));
    const entry = [
      this.#store(0, at(), this.#local(0)),
      this.#store(4, at(), this.#local(1)),
      module.global.set(ACCESSES, next),
    ];
    const body = module.if(at(), ir.sequence(entry));
    module.addFunction(ACCESSED, ir.words(2), ir.binaryen.none, [], body);
  }

  /** run(context): load the registers, rewind or begin, and say why it is over. */
  addRun(): void {
    const { module } = this.ir;
    const hasStack = this.#binary('ne', this.#load(CONTEXT_STACK_END), this.#stackBase());
    const start = this.ir.sequence([
      module.global.set(STATE, module.i32.const(0)),
      module.global.set(TARGET, module.i32.const(0)),
      module.global.set(FUEL, this.#load(CONTEXT_FUEL)),
    ]);
    const call = module.call(
      ENTER,
      [this.#load(CONTEXT_FUNCTION), this.#load(CONTEXT_ARGUMENT)],
      this.#i32,
    );
    const body = [
      module.global.set(CONTEXT, this.#local(0)),
      ...LOADED.map(([name, word]) => module.global.set(name, this.#load(word))),
      module.if(hasStack, this.#beginRewind(), start),
      module.local.set(1, call),
      this.#put(CONTEXT_FUEL, this.#global(FUEL)),
      this.#put(CONTEXT_CX, this.#global(CX)),
      this.#put(CONTEXT_DX, this.#global(DX)),
      this.#put(CONTEXT_ACCESSES, this.#global(ACCESSES)),
      module.if(this.#is(UNWINDING), module.return(this.#endUnwind())),
      this.#put(CONTEXT_VALUE, this.#local(1)),
      module.i32.const(EXIT_RETURNED),
    ];
    module.addFunction(
      EXPORT_RUN,
      this.#i32,
      this.#i32,
      [this.#i32],
      this.ir.sequence(body, this.#i32),
    );
    module.addFunctionExport(EXPORT_RUN, EXPORT_RUN);
  }

  /** At the top of a stack that has been rewound: go on. */
  #resume(): Ref {
    const { module } = this.ir;
    const resume = [
      module.global.set(STATE, module.i32.const(0)),
      module.global.set(FUEL, this.#load(CONTEXT_FUEL)),
      module.global.set(TARGET, module.i32.const(0)),
      ...this.#asyncify('stop_rewind', []),
      this.#put(CONTEXT_STACK_LIMIT, module.i32.const(0)),
      module.return(this.#load(CONTEXT_RESUME_VALUE)),
    ];
    return module.if(this.#is(REWINDING), this.ir.sequence(resume));
  }

  /** Unwind; what the functions return meanwhile is thrown away. */
  #suspend(exit: number): Ref[] {
    const { module } = this.ir;
    const unwind =
      this.transform === 'frames'
        ? module.global.set(STACK, this.#stackBase())
        : this.#put(CONTEXT_STACK_END, this.#stackBase());
    return [
      module.global.set(EXIT, module.i32.const(exit)),
      module.global.set(STATE, module.i32.const(UNWINDING)),
      unwind,
      this.#put(CONTEXT_STACK_LIMIT, this.#plus(LIMIT)),
      ...this.#asyncify('start_unwind', [this.#global(CONTEXT)]),
      module.i32.const(0),
    ];
  }

  #endUnwind(): Ref {
    const { module } = this.ir;
    const end =
      this.transform === 'frames'
        ? [this.#put(CONTEXT_STACK_END, this.#global(STACK))]
        : this.#asyncify('stop_unwind', []);
    const normal = module.global.set(STATE, module.i32.const(0));
    return this.ir.sequence([...end, normal, this.#global(EXIT)], this.#i32);
  }

  #beginRewind(): Ref {
    const { module } = this.ir;
    const stack =
      this.transform === 'frames'
        ? [module.global.set(STACK, this.#load(CONTEXT_STACK_END))]
        : [this.#put(CONTEXT_STACK_LIMIT, this.#plus(LIMIT))];
    return this.ir.sequence([
      module.global.set(STATE, module.i32.const(REWINDING)),
      module.global.set(FUEL, module.i32.const(0)),
      ...stack,
      ...this.#asyncify('start_rewind', [this.#global(CONTEXT)]),
    ]);
  }

  #asyncify(name: string, args: Ref[]): Ref[] {
    if (this.transform === 'frames') return [];
    return [this.ir.module.call(`${ASYNCIFY}.${name}`, args, this.ir.binaryen.none)];
  }

  #stackBase(): Ref {
    return this.#plus(CONTEXT_STACK);
  }

  #plus(offset: number): Ref {
    return this.#binary('add', this.#global(CONTEXT), this.ir.module.i32.const(offset));
  }

  #is(state: number): Ref {
    return this.#binary('eq', this.#global(STATE), this.ir.module.i32.const(state));
  }

  #load(word: number): Ref {
    const load = this.ir.module.i32['load'] as (offset: number, align: number, ptr: Ref) => Ref;
    return load(word, 4, this.#global(CONTEXT));
  }

  #put(word: number, value: Ref): Ref {
    return this.#store(word, this.#global(CONTEXT), value);
  }

  #store(offset: number, address: Ref, value: Ref): Ref {
    const store = this.ir.module.i32['store'] as (
      offset: number,
      align: number,
      ptr: Ref,
      value: Ref,
    ) => Ref;
    return store(offset, 4, address, value);
  }

  #global(name: string): Ref {
    return this.ir.module.global.get(name, this.#i32);
  }

  #local(index: number): Ref {
    return this.ir.module.local.get(index, this.#i32);
  }

  #binary(op: string, left: Ref, right: Ref): Ref {
    return (this.ir.module.i32[op] as (a: Ref, b: Ref) => Ref)(left, right);
  }
}
