// Programs for the tests of the RFC's ABI: a leader that has registered one region and a cpu pointer,
// a second thread to lose the CPU to, and one that sends signals.
//
//   START            END        RESTART
//   10  11  12  13 | 14  ...      20  ...        steps of main; what happens before is PROLOGUE

import { RseqOp } from '../../src/abi/rseq.js';
import { Signal } from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { Process } from '../../src/kernel/process.js';
import { CpuSet } from '../../src/kernel/cpu-set.js';
import { Thread } from '../../src/kernel/thread.js';
import { ArrayMemory } from './array-memory.js';
import { type Booted, boot, choices, MEMORY_BYTES, sliceCount, spawn, stepTimes } from './boot.js';
import {
  type Entry,
  ipOf,
  jump,
  type Script,
  type Step,
  syscall,
  type Word,
  work,
} from './scripted-machine.js';

/** The cpu word of the leader, of other threads, and a mask for sched_setaffinity. */
export const WORD = 0x40;
export const OTHER_WORD = 0x80;
export const MASK = 0xc0;
export const ACTION = 0x100;

export type Call = readonly [number, ...Word[]];

export function critical(start: number, end: number, restart: number): Call {
  return [Sysno.RestartableSequences, RseqOp.SetCritical, 0, start, end, restart];
}

export function pointer(address: number): Call {
  return [Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, address];
}

/** Steps of main before the code that the laws below are about. */
export const PROLOGUE = 3;
export const START = ipOf(10);
export const END = ipOf(14);
export const RESTART = ipOf(20);

/** Registers, starts a second thread, and then runs `body`, whose first step is at PROLOGUE. */
export function participant(body: Script, restart = RESTART): Script {
  return [
    syscall(...critical(START, END, restart)),
    syscall(...pointer(WORD)),
    spawn(1),
    ...body,
    ...work(40 - body.length),
    jump(0, () => false),
  ];
}

export const HOG: Script = [jump(0)];

/** Runs the slices on two CPUs. */
export function runSlices(main: Script, slices: string, worker: Script = HOG): Booted {
  const booted = boot({ 0: main, 1: worker }, { cpus: 2, scheduler: choices(slices) });
  stepTimes(booted.kernel, sliceCount(slices));
  return booted;
}

export function lastEntry({ machine }: Booted): Entry {
  return machine.entries.at(-1) as Entry;
}

/** The leader loses its CPU to the other thread at `ip`; what it is entered with afterwards. */
export function afterPreemptionAt(ip: number, main: Script = participant([])): Entry {
  const fuel = ip - ipOf(0);
  return lastEntry(runSlices(main, `0:1x${fuel} 0:2x1 0:1x1`));
}

export const HANDLER = 2;

/** Takes the action for SIGUSR1 from ACTION. */
export const HANDLE: Step = syscall(Sysno.RtSigaction, Signal.SIGUSR1, ACTION, 0, 8);

/** Sends SIGUSR1 to the leader with its first instruction. */
export const KILLER: Script = [syscall(Sysno.Tgkill, 1, 1, Signal.SIGUSR1), jump(1)];

/** Three scripts: main, a thread that signals it, and the handler. */
export function bootWithHandler(
  handler: Script,
  slices: string,
  { main = participant([HANDLE]), action = HANDLER }: { main?: Script; action?: number } = {},
): Booted {
  const scheduler = choices(slices);
  const booted = boot({ 0: main, 1: KILLER, 2: handler }, { cpus: 2, scheduler });
  booted.memory.storeI32(ACTION, action);
  stepTimes(booted.kernel, sliceCount(slices));
  return booted;
}

/** The leader is at `ip` when the other thread, on another CPU, signals it; then it runs once. */
export function signalAt(ip: number, action = HANDLER): Booted {
  return bootWithHandler(work(4), `0:1x${ip - ipOf(0)} 1:2x1 0:1x1`, { action });
}

export function newThread(process: Process, tid: number): Thread {
  const thread = new Thread(tid, process, 0, {}, CpuSet.firstCpus(2), 0);
  process.threads.set(tid, thread);
  return thread;
}

export function newProcess(): Process {
  return new Process(1, new ArrayMemory(MEMORY_BYTES));
}
