// A Machine run by scripts instead of Wasm: a function is a list of steps, a step is one instruction,
// costs one unit of fuel and has an address of its own. Nothing here knows what a section is; a
// thread goes on wherever its registers say, as generated code does.
//
// Script of entry n: step i is at CODE_BASE + n * SCRIPT_BYTES + i. Entry 0 is main.

import { CODE_BASE } from '../../src/abi/module.js';
import { Sysno } from '../../src/abi/syscall.js';
import type { Context, Exit, Machine, Registers } from '../../src/kernel/machine.js';
import type { Memory } from '../../src/kernel/memory.js';
import { ArrayMemory } from './array-memory.js';

/** Addresses a script may take. */
const SCRIPT_BYTES = 0x100;

/** What a step sees of its thread. */
export interface Guest {
  readonly registers: Registers;
  readonly memory: Memory;
  /** What the function was called with; in a handler, the signal. */
  readonly argument: number;
  /** What the last system call of this function returned. */
  result: number;
  /** Variables of this call of the function. */
  readonly locals: number[];
}

/** An operand: a constant, or computed when the step runs. */
export type Word = number | ((guest: Guest) => number);

export type Step =
  | { readonly kind: 'work' }
  | { readonly kind: 'act'; readonly action: (guest: Guest) => void }
  | { readonly kind: 'jump'; readonly to: number; readonly when: (guest: Guest) => boolean }
  | { readonly kind: 'syscall'; readonly sysno: number; readonly args: readonly Word[] }
  | { readonly kind: 'return'; readonly value: Word }
  | { readonly kind: 'fault'; readonly signal: number; readonly message: string };

export type Script = readonly Step[];

/** Script of each entry number. A function that runs off its end returns 0. */
export type Scripts = Readonly<Record<number, Script>>;

/** The state in which `run` found a thread. */
export interface Entry extends Registers {
  readonly resumeValue: number;
  readonly fuel: number;
}

/** `count` steps that nothing can observe. */
export function work(count: number): Step[] {
  return Array.from({ length: count }, () => ({ kind: 'work' }));
}

export function act(action: (guest: Guest) => void): Step {
  return { kind: 'act', action };
}

/** Go on at step `to` of the same script; `when` is always, if left out. */
export function jump(to: number, when: (guest: Guest) => boolean = () => true): Step {
  return { kind: 'jump', to, when };
}

export function syscall(sysno: number, ...args: Word[]): Step {
  return { kind: 'syscall', sysno, args };
}

export function ret(value: Word = 0): Step {
  return { kind: 'return', value };
}

export function fault(signal: number, message: string): Step {
  return { kind: 'fault', signal, message };
}

/** Address of a step. */
export function ipOf(step: number, entry = 0): number {
  return CODE_BASE + entry * SCRIPT_BYTES + step;
}

function evaluate(word: Word, guest: Guest): number {
  return typeof word === 'number' ? word : word(guest);
}

/** One call of a function, on a thread's stack. */
class Call {
  readonly locals: number[] = [];
  result = 0;
  /** The step that runs next, or the system call that has not returned. */
  ip: number;
  isInSyscall = false;

  constructor(
    readonly entry: number,
    readonly script: Script,
    readonly argument: number,
  ) {
    this.ip = ipOf(0, entry);
  }

  step(): Step {
    return this.script[this.ip - ipOf(0, this.entry)] ?? { kind: 'return', value: 0 };
  }

  /** The kernel's answer: where to go on, and what the system call returned. */
  resume(registers: Registers, resumeValue: number): void {
    const isRedirected = registers.ip !== this.ip;
    if (this.isInSyscall) {
      this.isInSyscall = false;
      this.result = resumeValue;
      this.ip = isRedirected ? registers.ip : this.ip + 1;
    } else if (registers.ip !== 0) {
      this.ip = resumeValue;
    }
  }
}

class ScriptedContext {
  readonly calls: Call[];
  pending: Call | undefined;

  constructor(main: Call) {
    this.calls = [main];
  }

  get top(): Call {
    return this.calls.at(-1) as Call;
  }
}

export class ScriptedMachine implements Machine {
  /** Every call of `run`, in order: what user code was entered with. */
  readonly entries: Entry[] = [];
  /** Contexts of threads that are over. */
  readonly released: Context[] = [];
  /** Words of code that a test wants to be readable; everywhere else code reads as 0. */
  readonly text = new Map<number, number>();

  readonly #scripts: Scripts;
  readonly #memory: Memory;
  readonly #exit: Exit = {
    kind: 'returned',
    fuelUsed: 0,
    sysno: 0,
    args: new Int32Array(6),
    value: 0,
    fault: undefined,
  };

  constructor(scripts: Scripts, memory: Memory = new ArrayMemory(0)) {
    this.#scripts = scripts;
    this.#memory = memory;
  }

  createContext(_program: number, entry: number, argument: number): Context {
    return new ScriptedContext(this.#call(entry, argument));
  }

  releaseContext(context: Context): void {
    this.released.push(context);
  }

  run(context: Context, registers: Registers, resumeValue: number, fuel: number): Exit {
    const thread = context as ScriptedContext;
    this.entries.push({ ...registers, resumeValue, fuel });
    this.#enter(thread, registers, resumeValue);
    for (let used = 0; used < fuel; used++) {
      const call = thread.top;
      registers.ip = call.ip;
      if (this.#execute(thread, call, registers)) return this.#leave(used + 1);
    }
    registers.ip = thread.top.ip;
    this.#exit.kind = 'interrupted';
    return this.#leave(fuel);
  }

  pushSignalCall(context: Context, handler: number, signo: number): void {
    (context as ScriptedContext).pending = this.#call(handler, signo);
  }

  loadText(address: number): number | undefined {
    return this.text.get(address) ?? (address >= CODE_BASE ? 0 : undefined);
  }

  /** Any step of the same function; the scripts of tests have no other labels. */
  isRestart(from: number, to: number): boolean {
    const entry = Math.floor((from - CODE_BASE) / SCRIPT_BYTES);
    const length = this.#scripts[entry]?.length ?? 0;
    return to >= ipOf(0, entry) && to < ipOf(length, entry);
  }

  #call(entry: number, argument: number): Call {
    const script = this.#scripts[entry];
    if (script === undefined) throw new Error(`the test has no script for entry ${entry}`);
    return new Call(entry, script, argument);
  }

  #enter(thread: ScriptedContext, registers: Registers, resumeValue: number): void {
    if (thread.pending === undefined) {
      thread.top.resume(registers, resumeValue);
    } else {
      thread.calls.push(thread.pending);
      thread.pending = undefined;
    }
  }

  /** True when the step leaves user code. */
  #execute(thread: ScriptedContext, call: Call, registers: Registers): boolean {
    const step = call.step();
    const { argument, result, locals } = call;
    const guest: Guest = { registers, memory: this.#memory, argument, result, locals };
    switch (step.kind) {
      case 'work':
        call.ip++;
        return false;
      case 'act':
        step.action(guest);
        call.ip++;
        return false;
      case 'jump':
        call.ip = step.when(guest) ? ipOf(step.to, call.entry) : call.ip + 1;
        return false;
      case 'syscall':
        call.isInSyscall = true;
        return this.#exitForSyscall(
          step.sysno,
          step.args.map((word) => evaluate(word, guest)),
        );
      case 'return':
        return this.#exitForReturn(thread, evaluate(step.value, guest));
      case 'fault':
        this.#exit.kind = 'faulted';
        this.#exit.fault = { signal: step.signal, message: step.message, place: 'script' };
        return true;
    }
  }

  #exitForSyscall(sysno: number, args: readonly number[]): true {
    this.#exit.kind = 'syscall';
    this.#exit.sysno = sysno;
    this.#exit.args.fill(0);
    this.#exit.args.set(args);
    return true;
  }

  /** A handler's return is the call rt_sigreturn; below it is what it interrupted. */
  #exitForReturn(thread: ScriptedContext, value: number): true {
    if (thread.calls.length > 1) {
      thread.calls.pop();
      return this.#exitForSyscall(Sysno.RtSigreturn, []);
    }
    this.#exit.kind = 'returned';
    this.#exit.value = value;
    return true;
  }

  #leave(fuelUsed: number): Exit {
    this.#exit.fuelUsed = fuelUsed;
    return this.#exit;
  }
}
