// Machine over instances of instrumented modules that share one memory. A thread at rest is the bytes of its unwound
// stack, copied out of the host's pages into a slot of its own; to run it again they are copied back
// and the instance is entered anew, which rewinds to the import call the thread was suspended in.
//
//   run ──► rewind ──► import call returns resumeValue ──► guest code ──► import call ──► unwind ──► run returns

import { Signal } from '../abi/signal.js';
import type { Context, Exit, Fault, Machine, Registers } from '../kernel/machine.js';
import type { LinearMemory } from './linear-memory.js';
import type { ProgramText } from './program-text.js';
import { describeTrap, type TrapLocator } from './trap.js';

/** The exports of the module contract, by what they are to the host. */
export interface GuestExports {
  enter(entry: number, argument: number): number;
  startUnwind(stack: number): void;
  stopUnwind(): void;
  startRewind(stack: number): void;
  stopRewind(): void;
  readonly fuel: WebAssembly.Global;
  readonly tp: WebAssembly.Global;
  readonly r10: WebAssembly.Global;
  /** The event counter ABI's. */
  readonly cx: WebAssembly.Global | undefined;
  readonly dx: WebAssembly.Global | undefined;
  /** In a module that uses it. */
  readonly gs: WebAssembly.Global | undefined;
  readonly signalHandler: WebAssembly.Global;
  readonly signalNumber: WebAssembly.Global;
}

/** Two words before an unwound stack: where it ends now, and where it must not go. */
const STACK_HEADER_WORDS = 2;
const WORD_BYTES = 4;
/** Of a system call. */
const ARGUMENTS = 6;

/** What the stack of the running instance is in the middle of; asyncify_get_state says the same. */
type StackState = 'normal' | 'unwinding' | 'rewinding';

/** What a module imports from `rseq`. */
export interface HostImports {
  interrupt(ip: number): number;
  syscall(...words: number[]): number;
}

/** An instance of a module: its exports, and how far its addresses are from those of its code map. */
class Instance {
  // What its registers hold: setting one from outside costs as much as the rest of a switch.
  #tp = 0;
  #r10 = 0;
  #gs = 0;

  constructor(
    readonly guest: GuestExports,
    readonly bias: number,
    readonly locateTrap: TrapLocator,
  ) {}

  load({ tp, r10, cx, dx, gs }: Registers): void {
    const { guest } = this;
    if (tp !== this.#tp) guest.tp.value = this.#tp = tp;
    if (r10 !== this.#r10) guest.r10.value = this.#r10 = r10;
    if (guest.cx !== undefined) guest.cx.value = cx;
    if (guest.dx !== undefined) guest.dx.value = dx;
    if (guest.gs !== undefined && gs !== this.#gs) guest.gs.value = this.#gs = gs;
  }

  /** What the guest may have written. */
  store(registers: Registers): void {
    const { guest } = this;
    if (guest.cx !== undefined) registers.cx = guest.cx.value;
    if (guest.dx !== undefined) registers.dx = guest.dx.value;
  }
}

class WasmContext {
  /** The unwound stack; empty before the first run. */
  stack = new Int32Array(0);
  /** Words of it that are used. */
  stackLength = 0;
  signalHandler = 0;
  signalNumber = 0;

  constructor(
    readonly instance: Instance,
    readonly entry: number,
    readonly argument: number,
  ) {}

  /** Take the stack out of words [from, to). The words are zero afterwards. */
  take(words: Int32Array, from: number, to: number): void {
    const length = to - from;
    if (this.stack.length < length) this.stack = new Int32Array(length);
    // A stack is a few words: cheaper one by one than by a view.
    for (let at = 0; at < length; at++) {
      this.stack[at] = words[from + at] as number;
      words[from + at] = 0;
    }
    this.stackLength = length;
  }

  put(words: Int32Array, from: number): void {
    for (let at = 0; at < this.stackLength; at++) words[from + at] = this.stack[at] as number;
  }
}

export class WasmMachine implements Machine {
  readonly #text: ProgramText;
  readonly #memory: LinearMemory;
  readonly #instances: Instance[] = [];
  readonly #exit: Exit = {
    kind: 'returned',
    fuelUsed: 0,
    sysno: 0,
    args: new Int32Array(ARGUMENTS),
    value: 0,
    fault: undefined,
  };
  /** The instance that runs, or ran last. */
  #running: Instance | undefined;
  #state: StackState = 'normal';
  #resumeValue = 0;
  #rewoundWords = 0;
  #ip = 0;

  constructor(text: ProgramText, memory: LinearMemory) {
    this.#text = text;
    this.#memory = memory;
  }

  /**
   * What a module at `bias` imports. The addresses it passes and gets are those of its own code map,
   * the kernel's are where it was put.
   */
  imports(bias: number): HostImports {
    return {
      interrupt: (ip) => {
        if (this.#state === 'rewinding') return this.#resume() - bias;
        this.#exit.kind = 'interrupted';
        return this.#suspend((ip | 0) + bias);
      },
      syscall: (ip, sysno, ...args) => {
        if (this.#state === 'rewinding') return this.#resume();
        this.#exit.kind = 'syscall';
        this.#exit.sysno = (sysno as number) | 0;
        this.#exit.args.set(args.slice(0, ARGUMENTS));
        return this.#suspend(((ip as number) | 0) + bias);
      },
    };
  }

  /** Connect the next program, an instance made with `imports(bias)`. */
  attach(guest: GuestExports, bias: number, locateTrap: TrapLocator): void {
    this.#instances.push(new Instance(guest, bias, locateTrap));
  }

  createContext(program: number, entry: number, argument: number): Context {
    const instance = this.#instances[program];
    if (instance === undefined) throw new Error(`there is no program ${program}`);
    return new WasmContext(instance, entry, argument);
  }

  run(context: Context, registers: Registers, resumeValue: number, fuel: number): Exit {
    const thread = context as WasmContext;
    const { instance } = thread;
    const { guest } = instance;
    const exit = this.#exit;
    this.#running = instance;
    this.#resumeValue = resumeValue;
    guest.fuel.value = fuel;
    instance.load(registers);
    if (thread.signalHandler !== 0) callHandler(thread);
    try {
      if (thread.stackLength > 0) this.#beginRewind(thread);
      const value = guest.enter(thread.entry, thread.argument);
      if (this.#state === 'unwinding') this.#endUnwind(thread);
      else this.#return(value);
    } catch (error) {
      exit.kind = 'faulted';
      exit.fault = this.#describe(error);
      this.#recover();
    }
    exit.fuelUsed = fuel - guest.fuel.value;
    registers.ip = this.#ip;
    instance.store(registers);
    return exit;
  }

  pushSignalCall(context: Context, handler: number, signo: number): void {
    const thread = context as WasmContext;
    thread.signalHandler = handler;
    thread.signalNumber = signo;
  }

  loadText(address: number): number | undefined {
    return this.#text.loadText(address);
  }

  isRestart(from: number, to: number): boolean {
    return this.#text.isRestart(from, to);
  }

  /** Inside an import, at the end of rewinding: the stack is whole again. */
  #resume(): number {
    this.#instance().stopRewind();
    this.#state = 'normal';
    const { words } = this.#memory;
    const base = this.#memory.hostBase / WORD_BYTES;
    for (let at = 0; at < this.#rewoundWords; at++) words[base + at] = 0;
    return this.#resumeValue;
  }

  /** Inside an import: begin to unwind; the value returned is thrown away. */
  #suspend(ip: number): number {
    this.#ip = ip;
    this.#setStackHeader(0);
    this.#state = 'unwinding';
    this.#instance().startUnwind(this.#memory.hostBase);
    return 0;
  }

  #endUnwind(thread: WasmContext): void {
    this.#instance().stopUnwind();
    this.#state = 'normal';
    const { words, hostBase } = this.#memory;
    const base = hostBase / WORD_BYTES;
    const end = Math.min(((words[base] as number) >>> 0) / WORD_BYTES, words.length);
    // The pages may become the guest's when the memory grows: nothing is left behind.
    thread.take(words, base + STACK_HEADER_WORDS, end);
    words[base] = 0;
    words[base + 1] = 0;
  }

  #beginRewind(thread: WasmContext): void {
    const { words, hostBase } = this.#memory;
    thread.put(words, hostBase / WORD_BYTES + STACK_HEADER_WORDS);
    this.#setStackHeader(thread.stackLength);
    this.#rewoundWords = STACK_HEADER_WORDS + thread.stackLength;
    this.#state = 'rewinding';
    this.#instance().startRewind(hostBase);
  }

  #return(value: number): void {
    // It has to come back to the import call it was suspended in.
    if (this.#state === 'rewinding') throw new TypeError('a thread that was resumed has returned');
    this.#exit.kind = 'returned';
    // A function of another signature gives no number: the TypeError says that it breaks the contract.
    this.#exit.value = value | 0;
  }

  /** After a trap the instance may be in the middle of unwinding or rewinding: make it normal. */
  #recover(): void {
    if (this.#state === 'normal') return;
    this.#state = 'normal';
    this.#setStackHeader(0);
    this.#instance().stopUnwind();
  }

  #describe(error: unknown): Fault {
    const fault = describeTrap(error, this.#running?.locateTrap ?? (() => ''));
    if (this.#state !== 'unwinding') return fault;
    return { ...fault, signal: Signal.SIGSEGV, message: 'stack overflow: too deep to suspend' };
  }

  /** The header of a stack of `length` words. */
  #setStackHeader(length: number): void {
    const { words, bytes, hostBase } = this.#memory;
    const base = hostBase / WORD_BYTES;
    words[base] = hostBase + (STACK_HEADER_WORDS + length) * WORD_BYTES;
    // A memory of 4 GiB ends at an address that has no 32-bit number.
    words[base + 1] = Math.min(bytes.length, 0xffffffff);
  }

  #instance(): GuestExports {
    if (this.#running === undefined) throw new Error('no program is running');
    return this.#running.guest;
  }
}

/** The generated code clears the handler when it takes it, which is the first thing it does. */
function callHandler(thread: WasmContext): void {
  const { guest } = thread.instance;
  guest.signalHandler.value = thread.signalHandler;
  guest.signalNumber.value = thread.signalNumber;
  thread.signalHandler = 0;
}
