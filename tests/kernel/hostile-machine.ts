// A Machine whose guest means harm: it makes random system calls with arguments made to hurt, from
// several threads and from handlers, scribbles over its memory and registers, and dies now and then.
// Cheap: a call costs no more here than a few dice.
//
// Law: what a call has returned is seen when its thread runs on, and must be a result.

import { CODE_BASE, TASK_SIZE } from '../../src/abi/module.js';
import {
  PR_RSEQ_SLICE_EXTENSION,
  RSEQ_CS_ABORT,
  RSEQ_CS_LENGTH,
  RSEQ_CS_START,
  RSEQ_RSEQ_CS,
  RSEQ_SIG,
  RSEQ_SLICE_REQUEST,
} from '../../src/abi/linux-rseq.js';
import { SIGSET_BYTES, Signal } from '../../src/abi/signal.js';
import { TIMESPEC_NANOSECONDS } from '../../src/abi/time.js';
import {
  ARCH_GET_FS,
  ARCH_SET_FS,
  ARCH_SET_PERCPU,
  CLONE_THREAD_FLAGS,
  Sysno,
} from '../../src/abi/syscall.js';
import type { Context, Exit, Machine, Registers } from '../../src/kernel/machine.js';
import type { Memory } from '../../src/kernel/memory.js';

export const HOSTILE_MEMORY_BYTES = 8192;

/** Seeded; xorshift32. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995 || 1;
  }

  word(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state | 0;
  }

  /** From 0 to limit - 1. */
  below(limit: number): number {
    return (this.word() >>> 0) % limit;
  }

  /** True once in `count` times. */
  one(count: number): boolean {
    return this.below(count) === 0;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

/** What an argument is meant to be. */
type Kind = (dice: Dice) => number;

const MEMORY_END = HOSTILE_MEMORY_BYTES;
const CODE_BYTES = 0x80;
const STRUCTS = 0x400;
const STRUCT_BYTES = 0x40;

/** Where the guest keeps structs: a few places, so that calls and scribbles meet at them. */
enum Struct {
  Descriptor = 0,
  OtherDescriptor = 1,
  Area = 2,
  SecondArea = 3,
  ThirdArea = 4,
  FourthArea = 5,
  Time = 6,
  Action = 7,
  Mask = 8,
  Word = 9,
  OtherWord = 10,
  Text = 11,
  Count = 12,
}

const SMALL = [0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 64, 0x100, 0x7ff];
const NEGATIVE = [-1, -2, -3, -4, -8, -4095, -4096];
const HUGE = [0x7fffffff, -0x80000000, 0x7ffff000, 0x40000000, 0x10000];
const NEAR = [-33, -17, -16, -9, -8, -5, -4, -3, -1, 0, 1, 4];
const NASTY: readonly number[] = [
  ...SMALL,
  ...NEGATIVE,
  ...HUGE,
  ...NEAR.map((near) => MEMORY_END + near),
  ...NEAR.map((near) => (TASK_SIZE + near) | 0),
  CODE_BASE - 1,
  CODE_BASE,
  CODE_BASE + CODE_BYTES,
];

const nasty: Kind = (dice) => (dice.one(4) ? dice.word() : dice.of(NASTY));
const structAt = (index: Struct): number => STRUCTS + STRUCT_BYTES * index;
const anyStruct: Kind = (dice) => structAt(dice.below(Struct.Count));
/** The address of one of these structs; now and then 0, another, or a misaligned one. */
const at =
  (...structs: readonly Struct[]): Kind =>
  (dice) => {
    if (dice.one(8)) return 0;
    if (dice.one(8)) return anyStruct(dice) + dice.below(STRUCT_BYTES);
    return dice.one(12) ? nasty(dice) : structAt(dice.of(structs));
  };
const below =
  (limit: number): Kind =>
  (dice) =>
    dice.below(limit);
const one =
  (...choices: readonly number[]): Kind =>
  (dice) =>
    dice.of(choices);
/** Sections are in the first half of the code, restart labels in the second. */
const code: Kind = (dice) => CODE_BASE + dice.below(CODE_BYTES);
const earlyCode: Kind = (dice) => CODE_BASE + dice.below(CODE_BYTES / 4);
const middleCode: Kind = (dice) => CODE_BASE + CODE_BYTES / 4 + dice.below(CODE_BYTES / 4);
const lateCode: Kind = (dice) => CODE_BASE + CODE_BYTES / 2 + dice.below(CODE_BYTES / 2);
const tid: Kind = (dice) => (dice.one(8) ? dice.below(40) - 1 : dice.below(6));
const cpu: Kind = (dice) => dice.below(6) - 1;
/** Mostly those that have a handler or are ignored: others kill. */
const signal: Kind = (dice) =>
  dice.one(40)
    ? dice.below(70)
    : dice.of([0, 65, Signal.SIGCHLD, Signal.SIGTERM, Signal.SIGUSR1, Signal.SIGUSR2]);

const time = at(Struct.Time);
const action = at(Struct.Action);
const mask = at(Struct.Mask);
const area = at(Struct.Area, Struct.SecondArea, Struct.ThirdArea, Struct.FourthArea);
const futexWord = at(Struct.Word, Struct.OtherWord);
const text = at(Struct.Text);
const descriptor = one(structAt(Struct.Descriptor), structAt(Struct.OtherDescriptor));
const SIGNATURES = [...Array.from({ length: 9 }, () => RSEQ_SIG), 7];
const FUTEX_OPS = [0, 0, 1, 1, 3, 4, 9, 9, 10].flatMap((op) => [op | 128, op | 128, op, op | 384]);

/** What calls look like that have a chance. */
const SHAPES: ReadonlyMap<number, readonly Kind[]> = new Map<number, readonly Kind[]>([
  [Sysno.Read, [one(0, 0, 1), text, nasty]],
  [Sysno.Write, [one(1, 2, 0), text, nasty]],
  [Sysno.RtSigaction, [signal, action, text, one(8, 8, 8, 4)]],
  [Sysno.RtSigprocmask, [one(0, 1, 1, 2, 3), mask, text, one(8, 8, 8, 16)]],
  [Sysno.SchedYield, []],
  [Sysno.Nanosleep, [time, text]],
  [Sysno.Getpid, []],
  [Sysno.Clone, [one(CLONE_THREAD_FLAGS), below(4), nasty, area]],
  [Sysno.Prctl, [one(PR_RSEQ_SLICE_EXTENSION), below(4), below(3), one(0, 0, 0, 1), one(0)]],
  [Sysno.ArchPrctl, [one(ARCH_SET_FS, ARCH_GET_FS, ARCH_SET_PERCPU), text, nasty]],
  [Sysno.Gettid, []],
  [Sysno.Futex, [futexWord, one(...FUTEX_OPS, 2, 5, 13), below(3), time, futexWord, below(4)]],
  [Sysno.SchedSetaffinity, [tid, one(1, 4, 8, 32, 128), mask]],
  [Sysno.SchedGetaffinity, [tid, one(4, 8, 32, 36, 0, 1), text]],
  [Sysno.ClockGettime, [below(9), text]],
  [Sysno.ClockNanosleep, [one(0, 1, 7, 2, 4, 9), below(2), time, text]],
  [Sysno.Tgkill, [one(1, 1, 1, 1, 1, 1, 1, 0, 2), tid, signal]],
  [Sysno.Getcpu, [text, text]],
  [Sysno.Getrandom, [text, nasty, below(9)]],
  [Sysno.Membarrier, [(dice) => (1 << dice.below(11)) >> 1, one(0, 0, 1, 2), cpu]],
  [Sysno.Rseq, [area, one(32, 32, 64, 33, 31), one(0, 0, 0, 1, 2), one(...SIGNATURES)]],
  [Sysno.Rasctl, [earlyCode, below(40), one(0, 0, 0, 1, 2, 3)]],
  [Sysno.RseqSliceYield, []],
  [Sysno.Join, [tid, text]],
  [Sysno.Sysconf, [below(5)]],
  [Sysno.Argument, [below(4), text, nasty]],
  [Sysno.SignalContext, [below(3), below(3), below(3), lateCode]],
  [Sysno.SetCpuOnline, [cpu, one(0, 1, 1, 2)]],
]);
/** One number is of three ABIs: an operation with addresses, or an area with flags. */
const SHAPES_OF_323: readonly (readonly Kind[])[] = [
  [one(0), nasty, earlyCode, middleCode, lateCode],
  [one(1), nasty, area],
  [area, one(0, 0, 0, 1)],
];
const MEETINGS = [Sysno.Futex, Sysno.Tgkill, Sysno.RestartableSequences];
/** Calls through which threads meet come more often. */
const SHAPED: readonly number[] = [
  ...SHAPES.keys(),
  ...MEETINGS,
  ...MEETINGS,
  Sysno.Futex,
  Sysno.Clone,
  Sysno.Rseq,
  Sysno.SignalContext,
];
/** Calls that end a process, or may: rare, so that the others come to something. */
const FATAL: readonly number[] = [
  Sysno.Exit,
  Sysno.Exit,
  Sysno.Exit,
  Sysno.ExitGroup,
  Sysno.Abort,
  Sysno.RtSigreturn,
];
/** Their results are words that a guest has chosen. */
const FREE_RESULTS: readonly number[] = [Sysno.Join, Sysno.SignalContext];
const LEAST_RESULT = -4095;

/** A system call that has not returned. */
interface Call {
  readonly sysno: number;
  readonly args: readonly number[];
}

class HostileContext {
  /** For the function and each handler on top of it, the call it is in. */
  readonly stack: (Call | undefined)[] = [undefined];
  hasHandler = false;
  prelude = 0;
}

export class HostileMachine implements Machine {
  /** System calls made. */
  calls = 0;
  /** The last of them, in words. */
  last = 'none';

  readonly #dice: Dice;
  /** What the guest takes the third word of its areas for: one ABI's idea. */
  readonly #sectionWord: Kind;
  readonly #memory: Memory;
  readonly #exit: Exit = {
    kind: 'returned',
    fuelUsed: 0,
    sysno: 0,
    args: new Int32Array(6),
    value: 0,
    fault: undefined,
  };

  constructor(dice: Dice, memory: Memory) {
    this.#dice = dice;
    this.#sectionWord = dice.of([descriptor, descriptor, middleCode, signal]);
    this.#memory = memory;
    for (let struct = 0; struct < Struct.Count; struct++)
      this.#fill(struct, this.#contentOf(struct));
  }

  createContext(): Context {
    return new HostileContext();
  }

  releaseContext(): void {}

  run(context: Context, registers: Registers, resumeValue: number, fuel: number): Exit {
    const dice = this.#dice;
    const thread = context as HostileContext;
    this.#enter(thread, resumeValue);
    this.#scribble(registers);
    const exit = this.#exit;
    exit.fuelUsed = 1 + dice.below(Math.min(fuel, 3));
    registers.ip = code(dice);
    if (dice.one(6)) {
      exit.kind = 'interrupted';
      exit.fuelUsed = fuel;
    } else if (thread.stack.length > 1 && dice.one(10)) {
      thread.stack.pop();
      this.#call({ sysno: Sysno.RtSigreturn, args: [] });
    } else if (dice.one(2000)) {
      exit.kind = 'returned';
      exit.value = dice.word();
    } else if (dice.one(5000)) {
      exit.kind = 'faulted';
      exit.fault = { signal: Signal.SIGILL, message: 'unreachable', place: 'nowhere' };
    } else {
      const call = this.#prelude(thread) ?? this.#anyCall();
      thread.stack[thread.stack.length - 1] = call;
      this.#call(call);
    }
    return exit;
  }

  pushSignalCall(context: Context): void {
    (context as HostileContext).hasHandler = true;
  }

  /** Signatures nearly everywhere. */
  loadText(address: number): number | undefined {
    if (address < CODE_BASE - 4 || address >= CODE_BASE + CODE_BYTES) return undefined;
    return address % 13 === 0 ? 0 : RSEQ_SIG;
  }

  isRestart(from: number, to: number): boolean {
    return from >= CODE_BASE && to >= CODE_BASE && to < CODE_BASE + CODE_BYTES;
  }

  /** The thread runs on: in a new handler, or behind the call it was in. */
  #enter(thread: HostileContext, resumeValue: number): void {
    if (thread.hasHandler) {
      thread.hasHandler = false;
      thread.stack.push(undefined);
      return;
    }
    const top = thread.stack.length - 1;
    const call = thread.stack[top];
    if (call === undefined) return;
    thread.stack[top] = undefined;
    const isWord = resumeValue === (resumeValue | 0);
    const isResult = resumeValue >= LEAST_RESULT || FREE_RESULTS.includes(call.sysno);
    if (!isWord || !isResult) throw new Error(`${described(call)} returned ${resumeValue}`);
  }

  #call({ sysno, args }: Call): void {
    this.calls++;
    this.last = described({ sysno, args });
    this.#exit.kind = 'syscall';
    this.#exit.sysno = sysno;
    this.#exit.args.fill(0);
    this.#exit.args.set(args);
  }

  /** The first calls of a thread: handlers for what signals there will be, and company. */
  #prelude(thread: HostileContext): Call | undefined {
    const signo = [Signal.SIGUSR1, Signal.SIGUSR2, Signal.SIGTERM][thread.prelude++];
    if (signo === undefined) {
      const isFounder = thread.prelude <= 6 && this.calls < 10;
      return isFounder ? { sysno: Sysno.Clone, args: [CLONE_THREAD_FLAGS, 1, 0, 0] } : undefined;
    }
    this.#fill(Struct.Action, (offset) => (offset === 0 ? 2 : 0));
    return { sysno: Sysno.RtSigaction, args: [signo, structAt(Struct.Action), 0, SIGSET_BYTES] };
  }

  #anyCall(): Call {
    const dice = this.#dice;
    if (dice.one(40)) return { sysno: nasty(dice), args: this.#anyArguments() };
    if (dice.one(400)) return { sysno: dice.of(FATAL), args: this.#anyArguments() };
    const sysno = dice.of(SHAPED);
    if (dice.one(15)) return { sysno, args: this.#anyArguments() };
    const shape = SHAPES.get(sysno) ?? dice.of(SHAPES_OF_323);
    return { sysno, args: shape.map((kind) => (dice.one(20) ? nasty(dice) : kind(dice))) };
  }

  #anyArguments(): number[] {
    return Array.from({ length: 6 }, () => nasty(this.#dice));
  }

  /** Content for a struct: what belongs there, or anything; and for the registers that are the guest's. */
  #scribble(registers: Registers): void {
    const dice = this.#dice;
    if (dice.one(2)) return;
    if (dice.one(8)) {
      registers.cx = dice.one(4) ? nasty(dice) : lateCode(dice);
      registers.dx = dice.below(8);
      return;
    }
    const struct: Struct = dice.below(Struct.Count);
    if (dice.one(40)) this.#fill(struct, () => nasty(dice));
    else this.#fill(struct, this.#contentOf(struct));
  }

  /** Undefined leaves a word as it is. */
  #fill(struct: Struct, word: (offset: number) => number | undefined): void {
    for (let offset = 0; offset < STRUCT_BYTES; offset += 4) {
      const value = word(offset);
      if (value !== undefined) this.#memory.storeI32(structAt(struct) + offset, value);
    }
  }

  /** The words of a struct as one expects it there. */
  #contentOf(struct: Struct): (offset: number) => number | undefined {
    const dice = this.#dice;
    const words: Record<number, number> = {};
    switch (struct) {
      case Struct.Descriptor:
      case Struct.OtherDescriptor:
        words[RSEQ_CS_START] = earlyCode(dice);
        words[RSEQ_CS_LENGTH] = dice.below(CODE_BYTES / 4);
        words[RSEQ_CS_ABORT] = lateCode(dice);
        break;
      case Struct.Area:
      case Struct.SecondArea:
      case Struct.ThirdArea:
      case Struct.FourthArea:
        // The kernel's words are left alone, mostly: to change them is death under linux-v2.
        if (dice.one(16)) words[0] = dice.below(3);
        words[RSEQ_RSEQ_CS] = dice.one(3) ? 0 : this.#sectionWord(dice);
        words[RSEQ_SLICE_REQUEST] = dice.below(2);
        return (offset) => words[offset];
      case Struct.Time:
        words[TIMESPEC_NANOSECONDS] = dice.below(200);
        break;
      case Struct.Action:
        words[0] = dice.one(6) ? dice.below(4) - 2 : 2;
        break;
      case Struct.Mask:
        words[0] = dice.below(32);
        break;
      case Struct.Word:
      case Struct.OtherWord:
        words[0] = dice.below(3);
        break;
      default:
    }
    return (offset) => words[offset] ?? 0;
  }
}

function described({ sysno, args }: Call): string {
  return `${Sysno[sysno] ?? sysno}(${args.join(', ')})`;
}
