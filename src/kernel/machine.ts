// Port: runs a guest thread until something happens. The kernel never learns how; a metered Wasm
// instance is one answer (src/host/wasm-machine.ts), a script in a test another. After gVisor's
// platform.Context.Switch. Invariant: between two calls of `run` a context is at rest, its registers
// are the kernel's to edit, and nothing but the registers tells the guest what happened meanwhile.

/** The register file of one thread. The kernel and the guest both write it; all words are 32 bits. */
export interface Registers {
  /** Code address the thread is at: an interruption point, or what the kernel put there. */
  ip: number;
  /** Where the RFC delivers the interrupted ip. */
  r10: number;
  /** Event counter ABI: where an interrupted section goes on. Writer: the guest. */
  cx: number;
  /** Event counter ABI: the event counter when the section began. Writer: the guest. */
  dx: number;
  /** Result of the last system call. */
  ax: number;
  /** Thread pointer: writer the kernel on behalf of the thread (arch_prctl, clone). */
  tp: number;
  /** Per-CPU base: address of this CPU's part of the process's per-CPU area. Writer: the kernel. */
  gs: number;
}

export function newRegisters(): Registers {
  return { ip: 0, r10: 0, cx: 0, dx: 0, ax: 0, tp: 0, gs: 0 };
}

export function copyRegisters(from: Readonly<Registers>, to: Registers): void {
  to.ip = from.ip;
  to.r10 = from.r10;
  to.cx = from.cx;
  to.dx = from.dx;
  to.ax = from.ax;
  to.tp = from.tp;
  to.gs = from.gs;
}

/** A thread's saved stack, opaque to the kernel. */
export type Context = object;

/** Why a thread could not go on: what killed it, and where, in words. */
export interface Fault {
  /** Signal that a processor would have raised. */
  readonly signal: number;
  /** What broke, in the words of the Wasm specification where it has them. */
  readonly message: string;
  /** `function (file:line)` or as much of it as is known. */
  readonly place: string;
}

export type ExitKind = 'interrupted' | 'syscall' | 'returned' | 'faulted';

/** What ended a run. One object per machine, valid until its next `run`. */
export interface Exit {
  kind: ExitKind;
  /** Instructions executed since `run` was called. */
  fuelUsed: number;
  /** System call number and arguments, when kind is 'syscall'. */
  sysno: number;
  readonly args: Int32Array;
  /** What the thread's function returned, when kind is 'returned'. */
  value: number;
  /** Set when kind is 'faulted'. */
  fault: Fault | undefined;
  /** Of the stack that was put away, when kind is 'interrupted' or 'syscall' and the machine has one. */
  stackBytes?: number;
}

export interface Machine {
  /**
   * A context that will call function `entry` (0: its main) of program `program` with `argument`.
   * Programs are numbered from 0; a machine with one module has one.
   */
  createContext(program: number, entry: number, argument: number): Context;

  /** The thread of `context` is over: what the context holds is free. It is never run again. */
  releaseContext(context: Context): void;

  /**
   * Run `context` until its fuel is spent, it makes a system call, returns or faults. The call that
   * suspended it returns `resumeValue`: an address of code, where it goes on, if `isAddress`, else the
   * result of a system call. `registers` are loaded first and stored last.
   * Preconditions: fuel > 0; the context has neither returned nor faulted.
   */
  run(
    context: Context,
    registers: Registers,
    resumeValue: number,
    fuel: number,
    isAddress: boolean,
  ): Exit;

  /**
   * Make `context` call signal handler `handler(signo)` on top of its stack when it runs next, and
   * then make system call rt_sigreturn.
   */
  pushSignalCall(context: Context, handler: number, signo: number): void;

  /**
   * The word at code address `address`, as a load from a text page would give it, or undefined where
   * there is no code. The signature before an abort label is read so.
   */
  loadText(address: number): number | undefined;

  /** True when code at point `from` can be redirected to `to`: the restart labels that guard it. */
  isRestart(from: number, to: number): boolean;
}
