// Machine over instances of instrumented modules that share one memory. A thread at rest is the bytes of its unwound
// stack, copied out of the host's pages into a slot of its own; to run it again they are copied back
// and the instance is entered anew, which rewinds to the import call the thread was suspended in.
//
//   run ──► rewind ──► import call returns resumeValue ──► guest code ──► import call ──► unwind ──► run returns

import { PAGE_BYTES, UNWIND_PAGES } from '../abi/module.js';
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
  unwindState(): number;
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
const STACK_HEADER_BYTES = 8;

const NORMAL = 0;
const UNWINDING = 1;
const REWINDING = 2;

/** What a module imports from `rseq`. */
export interface HostImports {
  interrupt(ip: number): number;
  syscall(...words: number[]): number;
}

/** An instance of a module: its exports, and how far its addresses are from those of its code map. */
interface Instance {
  readonly guest: GuestExports;
  readonly bias: number;
  readonly locateTrap: TrapLocator;
}

class WasmContext {
  /** The unwound stack; empty before the first run. */
  stack = new Uint8Array(0);
  stackLength = 0;
  signalHandler = 0;
  signalNumber = 0;

  constructor(
    readonly instance: Instance,
    readonly entry: number,
    readonly argument: number,
  ) {}

  save(bytes: Uint8Array): void {
    if (this.stack.length < bytes.length) this.stack = new Uint8Array(bytes.length);
    this.stack.set(bytes);
    this.stackLength = bytes.length;
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
    args: new Int32Array(6),
    value: 0,
    fault: undefined,
  };
  /** The instance that runs, or ran last. */
  #running: Instance | undefined;
  #resumeValue = 0;
  #rewoundBytes = 0;
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
        if (this.#isRewinding()) return this.#resume() - bias;
        this.#exit.kind = 'interrupted';
        return this.#suspend(ip + bias);
      },
      syscall: (ip, sysno, ...args) => {
        if (this.#isRewinding()) return this.#resume();
        this.#exit.kind = 'syscall';
        this.#exit.sysno = sysno as number;
        this.#exit.args.set(args);
        return this.#suspend((ip as number) + bias);
      },
    };
  }

  /** Connect the next program, an instance made with `imports(bias)`. */
  attach(guest: GuestExports, bias: number, locateTrap: TrapLocator): void {
    this.#instances.push({ guest, bias, locateTrap });
  }

  createContext(program: number, entry: number, argument: number): Context {
    const instance = this.#instances[program];
    if (instance === undefined) throw new Error(`there is no program ${program}`);
    return new WasmContext(instance, entry, argument);
  }

  run(context: Context, registers: Registers, resumeValue: number, fuel: number): Exit {
    const thread = context as WasmContext;
    const { guest } = thread.instance;
    this.#running = thread.instance;
    this.#loadRegisters(thread, registers, fuel);
    this.#resumeValue = resumeValue;
    try {
      if (thread.stackLength > 0) this.#beginRewind(thread);
      const value = guest.enter(thread.entry, thread.argument);
      if (guest.unwindState() === NORMAL) {
        this.#exit.kind = 'returned';
        this.#exit.value = value;
      } else this.#endUnwind(thread);
    } catch (error) {
      this.#exit.kind = 'faulted';
      this.#exit.fault = this.#describe(error);
      this.#recover();
    }
    this.#exit.fuelUsed = fuel - guest.fuel.value;
    registers.ip = this.#ip;
    registers.r10 = guest.r10.value;
    if (guest.cx !== undefined) registers.cx = guest.cx.value;
    if (guest.dx !== undefined) registers.dx = guest.dx.value;
    return this.#exit;
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

  #loadRegisters(thread: WasmContext, registers: Registers, fuel: number): void {
    const { guest } = thread.instance;
    guest.fuel.value = fuel;
    guest.tp.value = registers.tp;
    guest.r10.value = registers.r10;
    if (guest.cx !== undefined) guest.cx.value = registers.cx;
    if (guest.dx !== undefined) guest.dx.value = registers.dx;
    if (guest.gs !== undefined) guest.gs.value = registers.gs;
    guest.signalHandler.value = thread.signalHandler;
    guest.signalNumber.value = thread.signalNumber;
    thread.signalHandler = 0;
  }

  #isRewinding(): boolean {
    return this.#instance().unwindState() === REWINDING;
  }

  /** Inside an import, at the end of rewinding: the stack is whole again. */
  #resume(): number {
    this.#instance().stopRewind();
    const base = this.#stackBase;
    this.#memory.bytes.fill(0, base, base + this.#rewoundBytes);
    return this.#resumeValue;
  }

  /** Inside an import: begin to unwind; the value returned is thrown away. */
  #suspend(ip: number): number {
    this.#ip = ip;
    const base = this.#stackBase;
    this.#setStackHeader(base + STACK_HEADER_BYTES);
    this.#instance().startUnwind(base);
    return 0;
  }

  #endUnwind(thread: WasmContext): void {
    this.#instance().stopUnwind();
    const base = this.#stackBase;
    const { bytes } = this.#memory;
    const end = new DataView(bytes.buffer).getUint32(base, true);
    thread.save(bytes.subarray(base + STACK_HEADER_BYTES, end));
    // The pages may become the guest's when the memory grows: leave nothing behind.
    bytes.fill(0, base, end);
  }

  #beginRewind(thread: WasmContext): void {
    const base = this.#stackBase;
    const stack = thread.stack.subarray(0, thread.stackLength);
    this.#memory.bytes.set(stack, base + STACK_HEADER_BYTES);
    this.#setStackHeader(base + STACK_HEADER_BYTES + stack.length);
    this.#rewoundBytes = STACK_HEADER_BYTES + stack.length;
    this.#instance().startRewind(base);
  }

  /** After a trap the instance may be in the middle of unwinding or rewinding: make it normal. */
  #recover(): void {
    const guest = this.#instance();
    if (guest.unwindState() === NORMAL) return;
    this.#setStackHeader(this.#stackBase + STACK_HEADER_BYTES);
    guest.stopUnwind();
  }

  #describe(error: unknown): Fault {
    const fault = describeTrap(error, this.#running?.locateTrap ?? (() => ''));
    if (this.#instance().unwindState() !== UNWINDING) return fault;
    return { ...fault, signal: Signal.SIGSEGV, message: 'stack overflow: too deep to suspend' };
  }

  #setStackHeader(end: number): void {
    const { bytes } = this.#memory;
    const view = new DataView(bytes.buffer);
    view.setUint32(this.#stackBase, end, true);
    // A memory of 4 GiB ends at an address that has no 32-bit number.
    view.setUint32(this.#stackBase + 4, Math.min(bytes.length, 0xffffffff), true);
  }

  get #stackBase(): number {
    return this.#memory.bytes.length - UNWIND_PAGES * PAGE_BYTES;
  }

  #instance(): GuestExports {
    if (this.#running === undefined) throw new Error('no program is running');
    return this.#running.guest;
  }
}
