// A Machine whose threads are guests: a context is a stack of generators, a signal handler being one
// on top of what it interrupts. Nothing here knows what a section is; a guest goes on where it was,
// or is told that it is somewhere else now.
//
// An error that a guest throws is a mistake of a scenario, and comes out of `run`.

import { CODE_BASE } from '../../src/abi/module.js';
import { Sysno } from '../../src/abi/syscall.js';
import type { Context, Exit, ExitKind, Machine, Registers } from '../../src/kernel/machine.js';
import { type Guest, type GuestFunction, Redirected, type Request, type Stop } from './guest.js';

/** The program text, as far as the kernel looks at it. */
export interface Text {
  /** Words that are not 0, by address. */
  readonly words: ReadonlyMap<number, number>;
  /** First address behind the code. */
  readonly end: number;
  /** Where a handler's call of rt_sigreturn returns to. */
  readonly signalReturn: number;
  /** True when a thread that is at `from` has a label at `to`. */
  hasLabel(from: number, to: number): boolean;
}

/** Functions that contexts begin with, by number; main is 0. */
export class FunctionTable {
  readonly #functions: GuestFunction[];
  readonly #numbers = new Map<GuestFunction, number>();

  constructor(main: GuestFunction) {
    this.#functions = [main];
  }

  numberOf(guest: GuestFunction): number {
    const number = this.#numbers.get(guest) ?? this.#functions.push(guest) - 1;
    this.#numbers.set(guest, number);
    return number;
  }

  call(number: number, argument: number): Call {
    const guest = this.#functions[number];
    if (guest === undefined) throw new Error(`there is no function ${number}`);
    return new Call(guest(argument));
  }
}

type Step = IteratorResult<Request, number | void>;

/** One call of a function, on a thread's stack. */
class Call {
  /** What it is suspended in; undefined before it begins. */
  stop: Stop | undefined;

  constructor(readonly guest: Guest<number | void>) {}

  /** Go on: to where the registers say, with the kernel's answer. */
  resume(registers: Registers, answer: number): Step {
    const { stop } = this;
    if (stop === undefined || stop.ip === registers.ip) return this.guest.next(answer);
    return this.guest.throw(new Redirected(stop.ip, registers.ip));
  }

  /** Run on to system call `sysno`, without the kernel: the guest is then where a caller of it is. */
  advanceTo(sysno: number): void {
    for (;;) {
      const { done, value } = this.guest.next(0);
      if (done) throw new Error(`the guest makes no call ${sysno}`);
      if (value.kind !== 'syscall') continue;
      if (value.sysno !== sysno) throw new Error(`the guest makes call ${value.sysno} first`);
      this.stop = value;
      return;
    }
  }
}

class GeneratorContext {
  readonly calls: Call[];

  constructor(first: Call) {
    this.calls = [first];
  }

  get top(): Call {
    return this.calls.at(-1) as Call;
  }
}

export class GeneratorMachine implements Machine {
  readonly #functions: FunctionTable;
  readonly #text: Text;
  readonly #exit: Exit = {
    kind: 'returned',
    fuelUsed: 0,
    sysno: 0,
    args: new Int32Array(6),
    value: 0,
    fault: undefined,
  };

  constructor(functions: FunctionTable, text: Text) {
    this.#functions = functions;
    this.#text = text;
  }

  createContext(_program: number, entry: number, argument: number): Context {
    return new GeneratorContext(this.#functions.call(entry, argument));
  }

  releaseContext(): void {}

  /** The thread, which has not begun, is in its first system call, which has to be `sysno`. */
  advanceTo(context: Context, sysno: number): void {
    (context as GeneratorContext).top.advanceTo(sysno);
  }

  run(context: Context, registers: Registers, resumeValue: number, fuel: number): Exit {
    const { calls, top } = context as GeneratorContext;
    let step = top.resume(registers, resumeValue);
    for (let fuelUsed = 1; ; ) {
      if (step.done) return this.#return(calls, registers, Number(step.value ?? 0), fuelUsed);
      const request = step.value;
      switch (request.kind) {
        case 'syscall':
          stopAt(top, registers, request);
          return this.#callSystem(request.sysno, request.args, fuelUsed);
        case 'point':
          stopAt(top, registers, request);
          if (fuelUsed === fuel) return this.#leave('interrupted', fuelUsed);
          fuelUsed++;
          step = top.guest.next(request.ip);
          break;
        case 'set-r10':
          registers.r10 = request.value;
          step = top.guest.next(0);
          break;
        case 'get-r10':
          step = top.guest.next(registers.r10);
          break;
      }
    }
  }

  pushSignalCall(context: Context, handler: number, signo: number): void {
    (context as GeneratorContext).calls.push(this.#functions.call(handler, signo));
  }

  loadText(address: number): number | undefined {
    if (address < CODE_BASE || address > this.#text.end - 4) return undefined;
    return this.#text.words.get(address) ?? 0;
  }

  isRestart(from: number, to: number): boolean {
    return this.#text.hasLabel(from, to);
  }

  /** A handler's return is the call rt_sigreturn; below it is what it interrupted. */
  #return(calls: Call[], registers: Registers, value: number, fuelUsed: number): Exit {
    if (calls.length > 1) {
      calls.pop();
      registers.ip = this.#text.signalReturn;
      return this.#callSystem(Sysno.RtSigreturn, [], fuelUsed);
    }
    this.#exit.value = value;
    return this.#leave('returned', fuelUsed);
  }

  #callSystem(sysno: number, args: readonly number[], fuelUsed: number): Exit {
    this.#exit.sysno = sysno;
    this.#exit.args.fill(0);
    this.#exit.args.set(args);
    return this.#leave('syscall', fuelUsed);
  }

  #leave(kind: ExitKind, fuelUsed: number): Exit {
    this.#exit.kind = kind;
    this.#exit.fuelUsed = fuelUsed;
    return this.#exit;
  }
}

function stopAt(call: Call, registers: Registers, stop: Stop): void {
  call.stop = stop;
  registers.ip = stop.ip;
}
