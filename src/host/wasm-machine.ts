// Machine over instances of instrumented modules that share one memory. A thread at rest is the bytes of
// its unwound stack, in a slot of its own. To run it, the host writes its context, registers and stack
// into the host's pages and calls the module's `run`; afterwards it takes out what is there.

import {
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
  PAGE_BYTES,
  UNWIND_PAGES,
} from '../abi/module.js';
import { Signal } from '../abi/signal.js';
import type { Context, Exit, Fault, Machine, Registers } from '../kernel/machine.js';
import { copyWords, type WordReader, type WordWriter } from '../kernel/words.js';
import type { LinearMemory } from './linear-memory.js';
import type { ProgramText } from './program-text.js';
import { type Slot, StackPool } from './stack-pool.js';
import { describeTrap, type TrapLocator } from './trap.js';

/** The exports of the module contract that a run needs. */
export interface GuestExports {
  run(context: number): number;
  /** Read after a trap. */
  readonly fuel: WebAssembly.Global;
}

const WORD_BYTES = 4;
/** Of a system call. */
const ARGUMENTS = 6;

// Words of a context.
const FUEL = CONTEXT_FUEL / WORD_BYTES;
const TP = CONTEXT_TP / WORD_BYTES;
const GS = CONTEXT_GS / WORD_BYTES;
const R10 = CONTEXT_R10 / WORD_BYTES;
const CX = CONTEXT_CX / WORD_BYTES;
const DX = CONTEXT_DX / WORD_BYTES;
const RESUME_VALUE = CONTEXT_RESUME_VALUE / WORD_BYTES;
const SIGNAL_HANDLER = CONTEXT_SIGNAL_HANDLER / WORD_BYTES;
const SIGNAL_NUMBER = CONTEXT_SIGNAL_NUMBER / WORD_BYTES;
const FUNCTION = CONTEXT_FUNCTION / WORD_BYTES;
const ARGUMENT = CONTEXT_ARGUMENT / WORD_BYTES;
const IP = CONTEXT_IP / WORD_BYTES;
const SYSNO = CONTEXT_SYSNO / WORD_BYTES;
const ARGS = CONTEXT_ARGS / WORD_BYTES;
const VALUE = CONTEXT_VALUE / WORD_BYTES;
const STACK = CONTEXT_STACK / WORD_BYTES;
const STACK_END = CONTEXT_STACK_END / WORD_BYTES;
const USED = CONTEXT_USED / WORD_BYTES;
const ACCESSES = CONTEXT_ACCESSES / WORD_BYTES;
const STACK_LIMIT = CONTEXT_STACK_LIMIT / WORD_BYTES;

interface Program {
  readonly guest: GuestExports;
  /** How far its addresses are from those of its code map. */
  readonly bias: number;
  readonly locateTrap: TrapLocator;
}

class WasmContext implements Slot {
  // The unwound stack: none before the first run.
  slab = NO_WORDS;
  offset = 0;
  capacity = 0;
  /** Words of it. */
  length = 0;
  signalHandler = 0;
  signalNumber = 0;

  constructor(
    readonly program: Program,
    public entry: number,
    public argument: number,
  ) {}
}

const NO_WORDS = new Int32Array(0);
const HOST_BYTES = UNWIND_PAGES * PAGE_BYTES;
/** Where accesses are written down in the host's pages: behind where stacks come to. */
const ACCESSES_OFFSET = HOST_BYTES / 2;

/** What no module of the toolchain's does. */
const BROKEN_CONTRACT: Fault = {
  signal: Signal.SIGSEGV,
  message: 'module breaks the contract: run came back neither returned nor suspended',
  place: '',
};

const NO_ROOM = 'the stacks of all threads take more than they may';
const STACKS_FULL: Fault = {
  signal: Signal.SIGSEGV,
  message: `stack overflow: ${NO_ROOM}`,
  place: '',
};

function isStackSize(bytes: number): boolean {
  return bytes > 0 && bytes <= HOST_BYTES - CONTEXT_STACK && bytes % WORD_BYTES === 0;
}

export class WasmMachine implements Machine {
  readonly #text: ProgramText;
  readonly #memory: LinearMemory;
  readonly #programs: Program[] = [];
  readonly #stacks: StackPool;
  /** Bytes of the host's pages that were ever written. */
  #used = CONTEXT_STACK;
  #runs = 0;
  /**
   * Taken from every grant. With 1, a grant of 1 ends at the next point even if nothing is executed
   * before it.
   */
  handicap = 0;
  readonly #exit: Exit = {
    kind: 'returned',
    fuelUsed: 0,
    sysno: 0,
    args: new Int32Array(ARGUMENTS),
    value: 0,
    fault: undefined,
    stackBytes: 0,
  };

  /** stackLimit: bytes that the stacks of all threads may take. */
  constructor(text: ProgramText, memory: LinearMemory, stackLimit: number) {
    this.#text = text;
    this.#memory = memory;
    this.#stacks = new StackPool(Math.floor(stackLimit / WORD_BYTES));
  }

  /**
   * Connect the next program. The addresses it passes and gets are those of its own code map, the
   * kernel's are where it was put.
   */
  attach(guest: GuestExports, bias: number, locateTrap: TrapLocator): void {
    this.#programs.push({ guest, bias, locateTrap });
  }

  createContext(program: number, entry: number, argument: number): Context {
    const found = this.#programs[program];
    if (found === undefined) throw new Error(`there is no program ${program}`);
    return new WasmContext(found, entry, argument);
  }

  releaseContext(context: Context): void {
    this.#stacks.release(context as WasmContext);
  }

  run(
    context: Context,
    registers: Registers,
    resumeValue: number,
    fuel: number,
    isAddress: boolean,
  ): Exit {
    const thread = context as WasmContext;
    const { guest, locateTrap } = thread.program;
    const base = this.#memory.hostBase;
    this.#runs++;
    const value = isAddress ? resumeValue - thread.program.bias : resumeValue;
    this.#load(thread, registers, value, fuel, base);
    this.#exit.stackBytes = 0;
    let reason: number;
    try {
      reason = guest.run(base | 0);
    } catch (error) {
      this.#exit.kind = 'faulted';
      this.#exit.fault = this.#describe(error, locateTrap);
      this.#exit.fuelUsed = Math.max(0, fuel - guest.fuel.value);
      this.#used = HOST_BYTES;
      return this.#exit;
    }
    this.#store(thread, registers, reason, fuel);
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

  /** What a thread keeps outside the guest's memory, as words. */
  saveContext(context: Context, to: WordWriter): void {
    const thread = context as WasmContext;
    to.word(thread.entry);
    to.address(thread.argument);
    to.word(thread.signalHandler);
    to.word(thread.signalHandler === 0 ? 0 : thread.signalNumber);
    to.word(thread.length);
    to.addressesFrom(thread.slab, thread.offset, thread.length);
  }

  loadContext(context: Context, from: WordReader): void {
    const thread = context as WasmContext;
    thread.entry = from.word();
    thread.argument = from.word();
    thread.signalHandler = from.word();
    thread.signalNumber = from.word();
    const length = from.word();
    if (length > thread.capacity && !this.#stacks.resize(thread, length)) throw new Error(NO_ROOM);
    from.wordsTo(thread.slab, thread.offset, length);
    thread.length = length;
  }

  /** How often a thread has been run. */
  get runs(): number {
    return this.#runs;
  }

  /** How the last run ended. */
  get lastExit(): Exit {
    return this.#exit;
  }

  /**
   * Have the modules write down what they access from now on, until the memory grows: `accessesSince`.
   * With instruction metering; others write nothing down.
   */
  noteAccesses(): void {
    const { words, hostBase } = this.#memory;
    words[hostBase / WORD_BYTES + ACCESSES] = hostBase + ACCESSES_OFFSET;
    // When the memory grows, the guest must not find the list in it.
    this.#used = HOST_BYTES;
  }

  /**
   * Words of the accesses written down since `noteAccesses`, two each: address, bytes * 4 + kind. Valid
   * until the next run. Undefined when they are not all there: the memory has grown, or the stack over them.
   */
  get accesses(): Int32Array | undefined {
    const length = this.accessesLength;
    const { words, hostBase } = this.#memory;
    const start = (hostBase + ACCESSES_OFFSET) >>> 2;
    return length === undefined ? undefined : words.subarray(start, start + length);
  }

  /** The length of `accesses`. */
  get accessesLength(): number | undefined {
    const { words, hostBase } = this.#memory;
    const end = words[hostBase / WORD_BYTES + ACCESSES] as number;
    const start = hostBase + ACCESSES_OFFSET;
    const stackEnd = words[hostBase / WORD_BYTES + STACK_END] as number;
    const isOverwritten = ((stackEnd - start) | 0) > 0;
    return end === 0 || isOverwritten ? undefined : (end - start) >> 2;
  }

  #describe(error: unknown, locateTrap: TrapLocator): Fault {
    const fault = describeTrap(error, locateTrap);
    const { words, hostBase } = this.#memory;
    if (words[hostBase / WORD_BYTES + STACK_LIMIT] === 0) return fault;
    return { ...fault, signal: Signal.SIGSEGV, message: 'stack overflow: too deep to suspend' };
  }

  /** Write the context of a thread to where the host's pages begin. */
  #load(
    thread: WasmContext,
    registers: Registers,
    resumeValue: number,
    fuel: number,
    address: number,
  ): void {
    const { words } = this.#memory;
    const base = address >>> 2;
    words[base + FUEL] = fuel - this.handicap;
    words[base + TP] = registers.tp;
    words[base + GS] = registers.gs;
    words[base + R10] = registers.r10;
    words[base + CX] = registers.cx;
    words[base + DX] = registers.dx;
    words[base + RESUME_VALUE] = resumeValue;
    words[base + SIGNAL_HANDLER] = thread.signalHandler;
    words[base + SIGNAL_NUMBER] = thread.signalNumber;
    thread.signalHandler = 0;
    words[base + FUNCTION] = thread.entry;
    words[base + ARGUMENT] = thread.argument;
    words[base + USED] = this.#used;
    const { slab, offset, length } = thread;
    words[base + STACK_LIMIT] = 0;
    words[base + STACK_END] = address + CONTEXT_STACK + (length << 2);
    copyWords(slab, offset, length, words, base + STACK);
  }

  /** Take the context out; growth of the memory has moved it. */
  #store(thread: WasmContext, registers: Registers, reason: number, fuel: number): void {
    const { words, hostBase } = this.#memory;
    const base = hostBase >>> 2;
    const exit = this.#exit;
    const left = words[base + FUEL] as number;
    exit.fuelUsed = fuel - left;
    registers.cx = words[base + CX] as number;
    registers.dx = words[base + DX] as number;
    if (reason === EXIT_RETURNED && left <= fuel) {
      exit.kind = 'returned';
      exit.value = words[base + VALUE] as number;
      return;
    }
    // Modulo 2^32, as addresses are.
    const bytes = ((words[base + STACK_END] as number) - hostBase - CONTEXT_STACK) | 0;
    const isStopped = reason === EXIT_INTERRUPTED ? left <= 0 : reason === EXIT_SYSCALL;
    if (!isStopped || left > fuel || !isStackSize(bytes)) return this.#fault(BROKEN_CONTRACT);
    if (!this.#takeStack(thread, words, base + STACK, bytes >> 2)) return this.#fault(STACKS_FULL);
    exit.stackBytes = bytes;
    registers.ip = (words[base + IP] as number) + thread.program.bias;
    if (reason === EXIT_INTERRUPTED) exit.kind = 'interrupted';
    else this.#storeSystemCall(words, base);
    if (CONTEXT_STACK + bytes > this.#used) this.#used = CONTEXT_STACK + bytes;
  }

  #fault(fault: Fault): void {
    this.#exit.kind = 'faulted';
    this.#exit.fault = fault;
    this.#exit.fuelUsed = Math.max(0, this.#exit.fuelUsed);
  }

  #storeSystemCall(words: Int32Array, base: number): void {
    const exit = this.#exit;
    exit.kind = 'syscall';
    exit.sysno = words[base + SYSNO] as number;
    for (let at = 0; at < ARGUMENTS; at++) exit.args[at] = words[base + ARGS + at] as number;
  }

  /** False when there is no room for it. */
  #takeStack(thread: WasmContext, words: Int32Array, from: number, length: number): boolean {
    if (length > thread.capacity && !this.#stacks.resize(thread, length)) return false;
    copyWords(words, from, length, thread.slab, thread.offset);
    thread.length = length;
    return true;
  }
}
