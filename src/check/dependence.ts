// Whose state, besides its own, a step of a thread depends on, and what it does to others that memory does
// not show. System calls that are not listed may depend on everybody and do anything.

import { FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG, FutexOp } from '../abi/futex.js';
import { FrameRegister, SignalContextOp } from '../abi/signal.js';
import { ARCH_SET_PERCPU, Sysno } from '../abi/syscall.js';

/** A system call as it was made. */
export interface Call {
  readonly sysno: number;
  readonly args: readonly number[];
}

export type Dependence = readonly number[] | 'all';

/** Calls that neither look at the kernel's services nor do anything to others. */
export const WITHOUT_SERVICES: ReadonlySet<number> = new Set([
  Sysno.RtSigprocmask,
  Sysno.Getpid,
  Sysno.Gettid,
  Sysno.Getcpu,
  Sysno.Sysconf,
]);

/** The first thread: the RFC keeps with it whether the process is registered. */
const LEADER = [1];
const NOBODY: readonly number[] = [];

/** Calls that concern the caller alone, and what all threads share. */
const OWN: ReadonlySet<number> = new Set([
  Sysno.Read,
  Sysno.Write,
  Sysno.RtSigprocmask,
  Sysno.RtSigreturn,
  Sysno.SchedYield,
  Sysno.Nanosleep,
  Sysno.Getpid,
  Sysno.Prctl,
  Sysno.Gettid,
  Sysno.ClockGettime,
  Sysno.ClockNanosleep,
  Sysno.Getcpu,
  Sysno.Getrandom,
  Sysno.Rasctl,
  Sysno.Sysconf,
  Sysno.Argument,
  Sysno.SignalContext,
]);

/** The other threads whose state decides what a system call does, or 'all'. */
export function dependenceOf({ sysno, args }: Call, cpus: number): Dependence {
  if (OWN.has(sysno)) return NOBODY;
  const [first = 0, second = 0] = args;
  switch (sysno) {
    case Sysno.RestartableSequences:
    case Sysno.Rseq:
      return LEADER;
    case Sysno.ArchPrctl:
      return first === ARCH_SET_PERCPU ? 'all' : NOBODY;
    case Sysno.Join:
      return first > 0 ? [first] : NOBODY;
    case Sysno.Clone:
      // The CPU it begins on is the idlest.
      return cpus === 1 ? NOBODY : 'all';
    case Sysno.Futex:
      return isFutexWait(second) ? NOBODY : 'all';
    default:
      return 'all';
  }
}

function isFutexWait(operation: number): boolean {
  const command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  return command === FutexOp.Wait || command === FutexOp.WaitBitset;
}

// What a call shares with others is a word of its own here, behind all memory.
const CALLS_BASE = 2 ** 32;
const STDIN = CALLS_BASE;
const RANDOM = CALLS_BASE + 4;
/** Which threads there are: whoever asks by tid stores it, and who waits or ends loads it. */
export const LIVES: number = CALLS_BASE + 8;
/**
 * The points that threads pass without a stop: who does loads it, and what would make a difference at any of them
 * stores it.
 */
export const POINTS: number = CALLS_BASE + 12;
const SIGNALS_BASE = CALLS_BASE + 16;

/** Calls that nobody else can notice, nor the kernel when it switches the thread. */
const UNNOTICED: ReadonlySet<number> = new Set([
  Sysno.Write,
  Sysno.SchedYield,
  Sysno.Getpid,
  Sysno.Gettid,
  Sysno.Sysconf,
  Sysno.Argument,
  Sysno.SignalContext,
]);

/** What stands for the signals of a thread: its mask, and what is sent to it. */
export function signalsOf(tid: number): number {
  return SIGNALS_BASE + tid * 4;
}

/** The thread whose signals the address stands for. */
export function threadOfSignals(address: number): number | undefined {
  return address < SIGNALS_BASE ? undefined : (address - SIGNALS_BASE) / 4;
}

/**
 * The words that a call stands for, for one that is nothing but accesses to words; otherwise undefined.
 * hasSignals: signals may come at any time.
 */
export function wordsOfCall(
  { sysno, args }: Call,
  tid: number,
  hasSignals: boolean,
): readonly number[] | undefined {
  if (UNNOTICED.has(sysno)) return [];
  switch (sysno) {
    case Sysno.Read:
      return [STDIN];
    case Sysno.Getrandom:
      return [RANDOM];
    case Sysno.RtSigprocmask:
    case Sysno.RtSigreturn:
      return hasSignals ? undefined : [signalsOf(tid)];
    case Sysno.ArchPrctl:
      return args[0] === ARCH_SET_PERCPU ? undefined : [];
    default:
      return undefined;
  }
}

/**
 * The words that a call stands for besides whatever else it does. hasPercpuBase: a register tells threads where
 * they are.
 */
export function wordsTouchedBy(
  { sysno, args }: Call,
  tid: number,
  hasPercpuBase: boolean,
): readonly number[] {
  const [first = 0] = args;
  switch (sysno) {
    case Sysno.ArchPrctl:
      return first === ARCH_SET_PERCPU ? [POINTS] : [];
    case Sysno.SignalContext: {
      const [operation, , register] = args;
      const tellsPlace = operation === SignalContextOp.Get && register === FrameRegister.Ip;
      return tellsPlace ? [POINTS] : [];
    }
    case Sysno.SetCpuOnline:
      return hasPercpuBase ? [POINTS] : [];
    case Sysno.Tgkill:
      return args[1] === undefined ? [LIVES] : [LIVES, signalsOf(args[1])];
    case Sysno.SchedSetaffinity:
      return hasPercpuBase && first !== 0 && first !== tid ? [LIVES, POINTS] : [LIVES];
    case Sysno.SchedGetaffinity:
      return [LIVES];
    default:
      return [];
  }
}
