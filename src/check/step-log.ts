// What a step does while it is done: what happens, the system calls, and the accesses of guest and kernel.

import type { Booted } from '../host/host.js';
import type { LinearMemory } from '../host/linear-memory.js';
import type { Memory } from '../kernel/memory.js';
import { type Observer, TraceEvent } from '../kernel/trace.js';
import {
  type Access,
  type GuestProgress,
  type KernelAccess,
  mergeAccesses,
  WatchedMemory,
} from './accesses.js';
import { type Call, WITHOUT_SERVICES, wordsOfCall } from './dependence.js';
import { addWords } from './memory-words.js';

export interface StepEvent {
  readonly kind: TraceEvent;
  readonly cpu: number;
  readonly tid: number;
  readonly a: number;
  readonly b: number;
}

/** How much of it there is at some moment. */
export interface Position {
  readonly events: number;
  readonly calls: number;
  /** Accesses of the guest, in words of its list, and of the kernel. */
  readonly guest: number;
  readonly kernel: number;
}

/** And how often the guest had run by then. */
interface Moment extends Position {
  readonly runs: number;
}

/** A system call, or an end, which may look at other threads. */
export interface Question {
  /** How many of the accesses come before what comes of it. */
  readonly at: number;
  /** Undefined: the thread has ended. */
  readonly call: Call | undefined;
}

export const BEGINNING: Position = { events: 0, calls: 0, guest: 0, kernel: 0 };

/** A bit for each: all that comes before an event of another kind is the thread's own, or its system call's that is. */
const OWN_EVENTS =
  (1 << TraceEvent.Run) |
  (1 << TraceEvent.Interrupt) |
  (1 << TraceEvent.SwitchOut) |
  (1 << TraceEvent.Migrate) |
  (1 << TraceEvent.Restart);

function isOwnEvent(kind: TraceEvent): boolean {
  return (OWN_EVENTS & (1 << kind)) !== 0;
}

export class StepLog implements Observer {
  #booted!: Booted;
  #memory!: WatchedMemory;
  #runsBefore = 0;
  #events: StepEvent[] = [];
  /** A bit for each of their kinds. */
  #kinds = 0;
  #calls: Call[] = [];
  #questions: Question[] = [];
  /** Where the thread's own part ended: the guest had run so often, and this was there. */
  #foreign: Moment | undefined;
  /** Where it started a thread. */
  #start: Moment | undefined;

  /** The way to memory that the kernel has to take. */
  watch(memory: LinearMemory): Memory {
    this.#memory = new WatchedMemory(memory, () => this.#progress);
    return this.#memory;
  }

  attach(booted: Booted): void {
    this.#booted = booted;
  }

  begin(): void {
    const { machine } = this.#booted.guest;
    this.#events = [];
    this.#kinds = 0;
    this.#calls = [];
    this.#questions = [];
    this.#foreign = undefined;
    this.#start = undefined;
    this.#memory.accesses.length = 0;
    this.#memory.isSwitch = false;
    this.#runsBefore = machine.runs;
    machine.noteAccesses();
  }

  /** What the kernel does from now on, it does to threads that do not run. */
  endRun(): void {
    this.#memory.isSwitch = true;
  }

  /** SwitchOut is given the point that the thread is at for b. */
  event(kind: TraceEvent, _time: number, cpu: number, tid: number, a: number, b: number): void {
    const { kernel, guest } = this.#booted;
    const point = kind === TraceEvent.SwitchOut ? kernel.process.threads.get(tid)?.point : b;
    this.#events.push({ kind, cpu, tid, a, b: point ?? 0 });
    this.#kinds |= 1 << kind;
    if (isOwnEvent(kind)) return;
    if (kind !== TraceEvent.Syscall || !WITHOUT_SERVICES.has(a)) this.#foreign ??= this.#now;
    if (kind === TraceEvent.Spawn) this.#start ??= this.#now;
    if (kind === TraceEvent.Exit) this.#ask(undefined);
    if (kind !== TraceEvent.Syscall) return;
    const { sysno, args } = guest.machine.lastExit;
    const call = { sysno, args: [...args] };
    this.#calls.push(call);
    this.#ask(call);
  }

  #ask(call: Call | undefined): void {
    const { guest, kernel } = this.position;
    this.#questions.push({ at: guest / 2 + kernel, call });
  }

  get questions(): readonly Question[] {
    return this.#questions;
  }

  get events(): readonly StepEvent[] {
    return this.#events;
  }

  get calls(): readonly Call[] {
    return this.#calls;
  }

  get kernelAccesses(): readonly KernelAccess[] {
    return this.#memory.accesses;
  }

  /** In order; undefined: not known, the memory has grown. */
  get accesses(): Access[] | undefined {
    const { accesses } = this.#booted.guest.machine;
    return accesses === undefined ? undefined : mergeAccesses(accesses, this.kernelAccesses);
  }

  /** How often the guest has run. */
  get runs(): number {
    return this.#booted.guest.machine.runs - this.#runsBefore;
  }

  get #now(): Moment {
    return { ...this.position, runs: this.runs };
  }

  get position(): Position {
    return {
      events: this.#events.length,
      calls: this.#calls.length,
      guest: this.#progress.accesses,
      kernel: this.kernelAccesses.length,
    };
  }

  has(kind: TraceEvent): boolean {
    return (this.#kinds & (1 << kind)) !== 0;
  }

  /**
   * How many of the accesses are done before anything happens that depends on the services, or does more to
   * others than to take a CPU from one; undefined: nothing does.
   */
  get ownAccesses(): number | undefined {
    if (this.#foreign === undefined) return undefined;
    const { runs, guest, kernel } = this.#foreign;
    // What the kernel has done since the guest came back, it did for a system call, or an end.
    return runs === 0 ? kernel : guest / 2 + this.#kernelAccessesUpTo(runs - 1);
  }

  /** How many are done before it has started a thread; undefined: it starts none. */
  get accessesBeforeStart(): number | undefined {
    return this.#start && this.#start.guest / 2 + this.#kernelAccessesUpTo(this.#start.runs);
  }

  /** By then the guest had run no more often. */
  #kernelAccessesUpTo(runs: number): number {
    return this.kernelAccesses.filter((access) => access.runs <= runs).length;
  }

  /**
   * Add the words that thread `tid` has used since then. False: it has done more than that. hasSignals: signals
   * may come at any time.
   */
  addWordsSince(position: Position, tid: number, hasSignals: boolean, to: number[]): boolean {
    const { guest } = this.#booted;
    const { accesses } = guest.machine;
    if (accesses === undefined || !this.#isQuietSince(position)) return false;
    for (let at = position.calls; at < this.#calls.length; at++) {
      const used = wordsOfCall(this.#calls[at] as Call, tid, hasSignals);
      if (used === undefined) return false;
      to.push(...used);
    }
    const { sizeBytes } = guest.memory;
    for (let at = position.guest; at < accesses.length; at += 2) {
      const address = (accesses[at] as number) >>> 0;
      addWords(address, (accesses[at + 1] as number) >>> 2, sizeBytes, to);
    }
    for (let at = position.kernel; at < this.kernelAccesses.length; at++) {
      const { isResume, address, bytes } = this.kernelAccesses[at] as KernelAccess;
      // What it does to give the thread the CPU belongs to whatever the thread does then.
      if (!isResume) addWords(address, bytes, sizeBytes, to);
    }
    return true;
  }

  /** Nothing has happened since then but that the thread got a CPU, ran, and made system calls. */
  #isQuietSince({ events }: Position): boolean {
    for (let at = events; at < this.#events.length; at++) {
      const { kind } = this.#events[at] as StepEvent;
      if (kind !== TraceEvent.Syscall && !isOwnEvent(kind)) return false;
    }
    return true;
  }

  get #progress(): GuestProgress {
    const { accessesLength = 0 } = this.#booted.guest.machine;
    return { runs: this.runs, accesses: accessesLength };
  }
}
