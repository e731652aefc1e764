// Machine over an instance of an instrumented module. A thread at rest is the bytes of its unwound
// stack, copied out of the host's pages into a slot of its own; to run it again they are copied back
// and the instance is entered anew, which rewinds to the import call the thread was suspended in.
//
//   run ──► rewind ──► import call returns resumeValue ──► guest code ──► import call ──► unwind ──► run returns

import type { CodeMap } from '../abi/code-map.js';
import { sectionAt } from '../abi/code-map.js';
import { PAGE_BYTES, UNWIND_PAGES } from '../abi/module.js';
import { Signal } from '../abi/signal.js';
import type { Context, Exit, Fault, Machine, Registers } from '../kernel/machine.js';
import { describeTrap, type TrapLocator } from './trap.js';
import type { LinearMemory } from './linear-memory.js';

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
  readonly signalHandler: WebAssembly.Global;
  readonly signalNumber: WebAssembly.Global;
}

/** Two words before an unwound stack: where it ends now, and where it must not go. */
const STACK_HEADER_BYTES = 8;

const NORMAL = 0;
const UNWINDING = 1;
const REWINDING = 2;

class WasmContext {
  /** The unwound stack; empty before the first run. */
  stack = new Uint8Array(0);
  stackLength = 0;
  signalHandler = 0;
  signalNumber = 0;

  constructor(
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
  readonly #map: CodeMap;
  readonly #memory: LinearMemory;
  readonly #locateTrap: TrapLocator;
  readonly #exit: Exit = {
    kind: 'returned',
    fuelUsed: 0,
    sysno: 0,
    args: new Int32Array(6),
    value: 0,
    fault: undefined,
  };
  #guest: GuestExports | undefined;
  #resumeValue = 0;
  #rewoundBytes = 0;
  #ip = 0;

  /** What the module imports from `rseq`. */
  readonly imports: { interrupt(ip: number): number; syscall(...words: number[]): number } = {
    interrupt: (ip) => {
      if (this.#isRewinding()) return this.#resume();
      this.#exit.kind = 'interrupted';
      return this.#suspend(ip);
    },
    syscall: (ip, sysno, ...args) => {
      if (this.#isRewinding()) return this.#resume();
      this.#exit.kind = 'syscall';
      this.#exit.sysno = sysno as number;
      this.#exit.args.set(args);
      return this.#suspend(ip as number);
    },
  };

  constructor(map: CodeMap, memory: LinearMemory, locateTrap: TrapLocator) {
    this.#map = map;
    this.#memory = memory;
    this.#locateTrap = locateTrap;
  }

  /** Connect the instance that was made with `imports`. */
  attach(guest: GuestExports): void {
    this.#guest = guest;
  }

  createContext(_program: number, entry: number, argument: number): Context {
    return new WasmContext(entry, argument);
  }

  run(context: Context, registers: Registers, resumeValue: number, fuel: number): Exit {
    const thread = context as WasmContext;
    const guest = this.#instance();
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
    return this.#exit;
  }

  pushSignalCall(context: Context, handler: number, signo: number): void {
    const thread = context as WasmContext;
    thread.signalHandler = handler;
    thread.signalNumber = signo;
  }

  loadText(_address: number): number | undefined {
    return undefined;
  }

  /** Code inside the critical range can go to the common handler; a section, to its own label too. */
  isRestart(from: number, to: number): boolean {
    const { critical } = this.#map;
    if (from >= critical.start && from < critical.end && to === critical.restart) return true;
    return sectionAt(this.#map, from)?.restart === to;
  }

  #loadRegisters(thread: WasmContext, registers: Registers, fuel: number): void {
    const guest = this.#instance();
    guest.fuel.value = fuel;
    guest.tp.value = registers.tp;
    guest.r10.value = registers.r10;
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
    const fault = describeTrap(error, this.#locateTrap);
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
    if (this.#guest === undefined) throw new Error('WasmMachine.attach has not been called');
    return this.#guest;
  }
}
