// The real thing: a kernel and a machine that can be put into any state, do one step, and say what has
// become of it. Slow, and asked once for every different step.

import { SIG_DFL, SIG_IGN, Signal } from '../abi/signal.js';
import { PAGE_BYTES } from '../abi/module.js';
import { type Booted, bootLoaded, type HostOptions } from '../host/host.js';
import type { GuestModule } from '../host/loader.js';
import type { Cpu } from '../kernel/cpu.js';
import type { Choice, Scheduler } from '../kernel/scheduler.js';
import type { Thread } from '../kernel/thread.js';
import { TraceEvent } from '../kernel/trace.js';
import { WordReader, WordWriter } from '../kernel/words.js';
import type { Access } from './accesses.js';
import {
  type Action,
  cpuOf,
  isPark,
  isRun,
  runAction,
  signalOf,
  TIME_ACTION,
  tidOf,
  toChoice,
} from './action.js';
import { type Call, type Dependence, dependenceOf } from './dependence.js';
import { CheckError } from './errors.js';
import { addressOfGlobal, globalAt, Globals, isGlobal } from './globals.js';
import { Interner } from './interner.js';
import { MemoryStates } from './memory-states.js';
import { firstWord, WORD_BYTES, wordsEnd, wordsOf } from './memory-words.js';
import { RunOn, type RunOnRules } from './run-on.js';
import { SearchCore } from './search-core.js';
import { CONTENT, SERVICES, SHARED, THREADS } from './state.js';
import { type SharedInfo, StateParts, type ThreadInfo } from './state-parts.js';
import { type StepEvent, StepLog } from './step-log.js';

/** How a run ends. */
export interface Terminal {
  readonly kind: 'exit' | 'signal' | 'deadlock';
  readonly isOk: boolean;
  readonly message: string;
  readonly place: string;
  readonly tid: number;
  /** Addresses of the words that threads share with the kernel: what is in them is no result. */
  readonly kernelWords: readonly number[];
}

/** What may be left out of a search, because it makes no difference. */
export interface ExecutorOptions {
  /**
   * A thread that stops outside sections is taken off its CPU at once, which it cannot notice: so it makes no
   * difference who had the CPU last. `hasLoudSwitches` says when that was wrong.
   */
  readonly parks: boolean;
  /**
   * Threads that have to begin their sections again, and will do the same, are one; `hasForeignRestarts` says
   * when they are not.
   */
  readonly merges: boolean;
  /** A thread outside sections runs on until it has done what others could notice. */
  readonly runsOn?: RunOnRules | undefined;
  /** A step is one slice of a schedule: with a system call that is not over, the thread stops too. */
  readonly isStepwise?: boolean;
}

/** Other threads that a step depends on from some point on. */
export interface Asked {
  /** How many of the accesses come before. */
  readonly at: number;
  readonly dependence: Dependence;
}

/** What a step came to. */
export interface Step {
  /** How many points the thread has come to. */
  readonly points: number;
  /** Words that it has used before it ran on, as nobody else uses them; there may be some twice. */
  readonly ownWords: readonly number[];
  readonly shared: number;
  readonly services: number;
  /** By tid - 1. */
  readonly threads: readonly number[];
  readonly content: number;
  /** In the order in which it happened; undefined: not known, memory has grown. */
  readonly accesses: readonly Access[] | undefined;
  /** The words that it has stored, pairs of address and word; undefined: not known. */
  readonly stores: readonly number[] | undefined;
  /** How many of these come before it looks at the services; undefined: it does not look at them. */
  readonly ownAccesses: number | undefined;
  /** How many of these come before it has started a thread; undefined: it starts none. */
  readonly accessesBeforeStart: number | undefined;
  readonly events: readonly StepEvent[];
  /** The system calls that were made. */
  readonly calls: readonly Call[];
  /** The other threads whose state had a part in it. */
  readonly dependence: Dependence;
  /** From where on which of them had, in order. */
  readonly questions: readonly Asked[];
  readonly terminal: Terminal | undefined;
}

/** A state but for the content of memory; threads by tid - 1. */
interface Parts {
  readonly shared: number;
  readonly services: number;
  readonly threads: readonly number[];
}

interface Known {
  readonly loads: readonly number[];
  readonly byWords: Map<string, number>;
}

const MOST_THREADS = 2 ** 20;
/** Of event-counter and percpu-signal. */
const AREA_BYTES = 16;

/** Words that come first of what is shared besides who is on which CPU. */
const MEMORY_BYTES = 0;
const DESCRIPTORS = 1;
const AFTER_DESCRIPTORS = 2;
/** Of what is shared, what comes behind the number of that. */
const AFTER_BESIDES = 1;

const NOBODY: readonly number[] = [];

const NOTHING = {
  points: 0,
  ownWords: [],
  accesses: [],
  stores: [],
  ownAccesses: undefined,
  accessesBeforeStart: undefined,
  events: [],
  calls: [],
  dependence: [],
  questions: [],
  terminal: undefined,
};

class OneChoice implements Scheduler {
  readonly name = 'check';
  action: Action = 0;

  pick(_view: unknown, choice: Choice): void {
    toChoice(this.action, choice);
  }
}

export class Executor {
  readonly core: SearchCore = new SearchCore();
  readonly memory: MemoryStates;
  /** Threads, what they share, and services: all by number. */
  readonly parts: StateParts = new StateParts(this.core);
  readonly #modules: readonly GuestModule[];
  readonly #options: HostOptions;
  readonly #scheduler = new OneChoice();
  readonly #words = new WordWriter();
  #booted!: Booted;
  #log!: StepLog;
  #globals!: Globals;
  /** What the live memory holds. */
  #content = 0;
  /** The state that the kernel and the machine are in, if it is known. */
  #live: Parts | undefined;
  #signalsTaken: number[] = [];
  /** By thread: the words that its future depends on, and the representatives by what these hold. */
  readonly #representatives = new Map<number, Known>();
  readonly #futures = new Map<number, number>();
  /** The thread that a representative was made of. */
  readonly #originals = new Map<number, number>();
  readonly #futureWords = new Interner(this.core);
  #wasInSection = false;
  #wasCurrent = false;
  readonly #initial: Step;

  /** Steps are of states of which it is not known whether the program comes there: `onFuture` is not called. */
  isHypothetical = false;
  /** Called with what happens when a thread that has to begin its section again does. */
  onFuture: (events: readonly StepEvent[]) => void = () => {};
  /** A thread has other prospects because of what another has done. */
  hasForeignRestarts = false;
  /** Addresses of words on which the merging of threads relies, and the threads: only they may write them. */
  readonly futureLoads: Map<number, readonly [address: number, tid: number]> = new Map();
  /** A switch of a thread outside sections has turned out to be something it can notice. */
  hasLoudSwitches = false;

  constructor(
    modules: readonly GuestModule[],
    options: HostOptions,
    readonly reductions: ExecutorOptions,
  ) {
    if (modules.length !== 1) throw new CheckError('one module at a time can be checked');
    this.#modules = modules;
    this.#options = options;
    this.#boot();
    const words = this.#booted.guest.memory.words.subarray(0, this.#guestBytes / 4);
    const globals = Array.from({ length: this.#globals.length }, (_, number) =>
      number === 0 ? [0, 0] : this.#initialGlobal(number),
    );
    this.memory = new MemoryStates(this.core, words, globals.flat());
    this.#initial = { ...this.#capture(), content: 0, ...NOTHING };
  }

  get booted(): Booted {
    return this.#booted;
  }

  /** The state at the beginning. */
  initial(): Step {
    return this.#initial;
  }

  /** Go from a state by an action. */
  step(state: Int32Array, action: Action): Step {
    this.#load(state);
    const pages = this.#guestBytes;
    const threads = state.subarray(THREADS);
    const descriptors = this.#descriptors;
    const tid = tidOf(action);
    const { current } = this.parts.sharedInfo(state[SHARED] as number);
    const before = tid === 0 ? undefined : this.parts.threadInfo(threads[tid - 1] as number);
    this.#wasInSection = before?.isInSection ?? false;
    this.#wasCurrent = before !== undefined && current[before.cpu] === tid;
    const joiners = this.#joinersOf(tid);
    const wasBlocked = signalOf(action) !== 0 && !this.#isRunnable(tid);
    this.#scheduler.action = action;
    if (signalOf(action) !== 0) {
      this.#signalsTaken[tid - 1] = (this.#signalsTaken[tid - 1] ?? 0) + 1;
    }
    const holder = current[cpuOf(action)] ?? 0;
    const { points, ownWords } = this.#run(state, action);
    const events = [...this.#log.events];
    if (this.reductions.parks) {
      this.#listen();
      this.#log.endRun();
      if (isRun(action)) this.#leave(action);
      this.#settle(isPark(action) ? holder : tid, threads.length);
    }
    const accesses = this.#guestBytes === pages ? this.#log.accesses : undefined;
    const stores = accesses && this.#storesOf(accesses);
    const content = this.#contentAfter(state[CONTENT] as number, stores);
    this.#content = content;
    const { calls } = this.#log;
    // Who wakes by a signal, or because the time has come, does so by its own state.
    const wakes = wasBlocked || action === TIME_ACTION;
    const questions: readonly Asked[] = wakes
      ? [{ at: Number.POSITIVE_INFINITY, dependence: 'all' }]
      : this.#questions(joiners);
    const dependence = unionOf(questions);
    const terminal = this.#terminal();
    const ownAccesses = this.#ownAccesses(state, action, accesses === undefined);
    const isOwn =
      ownAccesses === undefined && accesses !== undefined && descriptors === this.#descriptors;
    const end =
      terminal !== undefined
        ? partsOf(state)
        : isOwn
          ? this.#captureOwn(state, tid, holder)
          : this.#capture();
    if (terminal === undefined) this.#live = end;
    return {
      points,
      ownWords,
      shared: end.shared,
      services: end.services,
      threads: terminal === undefined ? this.#withoutDoomed(end) : end.threads,
      content,
      accesses,
      stores,
      ownAccesses,
      accessesBeforeStart: this.#log.accessesBeforeStart,
      events,
      calls,
      dependence,
      questions,
      terminal,
    };
  }

  /** Do the action, in the state that has been loaded. */
  #run(state: Int32Array, action: Action): Pick<Step, 'points' | 'ownWords'> {
    const { kernel } = this.#booted;
    const thread = kernel.process.threads.get(tidOf(action)) as Thread;
    const depth = thread?.frames.length;
    this.#prepare();
    if (isPark(action)) kernel.park(cpuOf(action));
    else this.#stepKernel();
    if (!isRun(action) || this.reductions.isStepwise === true) return { points: 1, ownWords: [] };
    const cpu = kernel.cpus[cpuOf(action)] as Cpu;
    const runOn = new RunOn(this.#log, this.#booted, cpu, thread, depth);
    const reach = runOn.run(this.reductions.runsOn, this.#wasInSection, this.#stepKernel);
    if (reach.isPassed) this.#runAgain(state, reach.points);
    return reach;
  }

  /** The same, but only so far. */
  #runAgain(state: Int32Array, points: number): void {
    const { accesses } = this.#log;
    const stores = accesses && this.#storesOf(accesses);
    this.#content = this.#contentAfter(state[CONTENT] as number, stores);
    this.#load(state);
    this.#prepare();
    for (let point = 0; point < points; point++) this.#stepKernel();
  }

  /** How many of the accesses come before it looks at the services, or `Step.ownAccesses`. */
  #ownAccesses(state: Int32Array, action: Action, hasGrown: boolean): number | undefined {
    const { hasTimers } = this.parts.sharedInfo(state[SHARED] as number);
    if (hasTimers || (!isRun(action) && !isPark(action))) return 0;
    const { ownAccesses } = this.#log;
    return ownAccesses === undefined || !hasGrown ? ownAccesses : 0;
  }

  /** Write down from now on what happens. */
  #prepare(): void {
    this.#live = undefined;
    this.#log.begin();
  }

  /** A thread that has stopped outside sections gives its CPU back at once. */
  #leave(action: Action): void {
    const { kernel, guest } = this.#booted;
    const thread = kernel.process.threads.get(tidOf(action)) as Thread;
    const isCurrent = kernel.cpus[cpuOf(action)]?.current === thread;
    if (kernel.process.hasExited || !thread.isRunnable || !isCurrent) return;
    if (!guest.text.isInSection(thread.point)) kernel.park(cpuOf(action));
  }

  readonly #stepKernel = (): void => {
    const reason = this.#booted.kernel.step();
    if (reason !== undefined) throw new Error(`a step of the kernel gave ${reason}`);
  };

  get #guestBytes(): number {
    return this.#booted.guest.memory.sizeBytes;
  }

  #boot(): void {
    this.#log = new StepLog();
    this.#booted = bootLoaded(
      { ...this.#options, scheduler: this.#scheduler, observers: [this.#log] },
      this.#modules,
      (memory) => this.#log.watch(memory),
    );
    this.#log.attach(this.#booted);
    this.#globals = new Globals(this.#booted.guest.globals);
    this.#content = 0;
    this.#live = undefined;
    this.#signalsTaken = [];
  }

  #initialGlobal(number: number): readonly [number, number] {
    return this.#booted.guest.globals[number] === undefined ? [0, 0] : this.#globals.load(number);
  }

  /**
   * What stands for a thread of a state: one for all that will do the same when they get a CPU again. A thread
   * that has to begin its section again has no use for what it had got in it.
   */
  representative(tid: number, state: Int32Array): number {
    const thread = state[THREADS + tid - 1] as number;
    if (!this.reductions.merges || !this.parts.threadInfo(thread).isDoomed) return thread;
    const known = this.#representatives.get(thread);
    const found = known?.byWords.get(this.#wordsAt(state[CONTENT] as number, known.loads));
    return found ?? this.#findRepresentative(tid, state);
  }

  #withoutDoomed({ shared, services, threads }: Parts): readonly number[] {
    const isDoomed = (id: number): boolean => this.parts.threadInfo(id).isDoomed;
    if (!this.reductions.merges || !threads.some(isDoomed)) return threads;
    const state = Int32Array.of(shared, services, this.#content, ...threads);
    return threads.map((_, index) => this.representative(index + 1, state));
  }

  #findRepresentative(tid: number, state: Int32Array): number {
    const thread = state[THREADS + tid - 1] as number;
    const content = state[CONTENT] as number;
    const { future, loads } = this.#futureOf(tid, state);
    const representative = this.#futures.get(future) ?? this.#represent(thread, future);
    this.#futures.set(future, representative);
    for (const address of loads) this.futureLoads.set(address * MOST_THREADS + tid, [address, tid]);
    let known = this.#representatives.get(thread);
    if (known === undefined || loads.some((address) => !known?.loads.includes(address))) {
      // What was known was found by fewer words.
      known = { loads: [...new Set([...(known?.loads ?? []), ...loads])], byWords: new Map() };
      this.#representatives.set(thread, known);
    }
    known.byWords.set(this.#wordsAt(content, known.loads), representative);
    return representative;
  }

  #wordsAt(content: number, addresses: readonly number[]): string {
    return addresses.map((address) => this.memory.read(content, address)).join();
  }

  /** The same thread, known by what becomes of it: the fingerprint is that of its future. */
  #represent(thread: number, future: number): number {
    const low = this.#futureWords.low(future);
    const high = this.#futureWords.high(future);
    const representative = this.parts.internThreadAs(thread, low, high);
    this.#originals.set(representative, thread);
    return representative;
  }

  /**
   * A number for what becomes of a thread on every CPU that it can get next, if nobody else has it; and the
   * words that this depends on.
   */
  #futureOf(
    tid: number,
    state: Int32Array,
  ): { readonly future: number; readonly loads: readonly number[] } {
    const { threads } = this.parts;
    const loads = new Set<number>();
    const content = state[CONTENT] as number;
    const { affinity, signalsTaken } = this.parts.threadInfo(state[THREADS + tid - 1] as number);
    const words = [signalsTaken];
    for (const next of affinity) {
      this.#load(state);
      this.#prepare();
      const { kernel } = this.#booted;
      for (const { id } of kernel.cpus) kernel.park(id);
      // It may be offline now, and not when the thread gets it.
      kernel.onlineCpus.add(next);
      this.#scheduler.action = runAction(tid, next);
      // Up to the first point, before anything is loaded.
      this.#booted.guest.machine.handicap = 1;
      this.#stepKernel();
      this.#booted.guest.machine.handicap = 0;
      if (!this.isHypothetical) this.onFuture(this.#log.events);
      const accesses = this.#log.accesses as Access[];
      this.#content = this.memory.writeAll(content, this.#storesOf(accesses));
      const after = this.#captureThread(tid);
      words.push(next, threads.low(after), threads.high(after));
      for (const { address, bytes, isStore, isLoad } of accesses) {
        for (const word of wordsOf(address, bytes, this.#guestBytes)) {
          if (isLoad) loads.add(word);
          if (isLoad) words.push(word | 0, 0, this.memory.read(content, word));
          if (isStore) words.push(word | 0, 1, this.memory.read(this.#content, word));
        }
      }
    }
    const future = this.#futureWords.intern(Int32Array.from(words));
    return { future, loads: [...loads] };
  }

  /** Was a thread outside sections, back on the CPU it was on, touched by that? */
  #listen(): void {
    const log = this.#log;
    if (this.#wasInSection || this.#wasCurrent || log.has(TraceEvent.Migrate)) return;
    const isChanged = log.kernelAccesses.some(({ isResume, isChange }) => isResume && isChange);
    const isKilled = this.#booted.kernel.process.death !== undefined && log.runs === 0;
    if (isChanged || log.has(TraceEvent.Restart) || isKilled) this.hasLoudSwitches = true;
  }

  /**
   * Where a thread without a CPU was last makes no difference: the kernel tells it where it is before it
   * runs again. So all such threads were last on the first CPU they may be on.
   */
  #settle(subject: number, threadsBefore: number): void {
    const { kernel } = this.#booted;
    if (kernel.process.hasExited || kernel.cpus.length === 1) return;
    const isNew = (tid: number): boolean => tid > threadsBefore;
    for (const { tid, state, affinity, cpu } of kernel.process.threads.values()) {
      if (state === 'dead' || (tid !== subject && !isNew(tid))) continue;
      if (kernel.cpus[cpu]?.current?.tid === tid) continue;
      const first = kernel.cpus.find(({ id }) => affinity.has(id) && kernel.isOnline(id));
      if (first !== undefined && !kernel.settle(tid, first.id)) this.hasLoudSwitches = true;
    }
    const restarts = this.#log.events.filter(({ kind }) => kind === TraceEvent.Restart);
    if (!this.isHypothetical) this.onFuture(restarts);
  }

  #isRunnable(tid: number): boolean {
    return this.#booted.kernel.process.threads.get(tid)?.isRunnable ?? false;
  }

  /** Who is woken when the thread ends. */
  #joinersOf(tid: number): readonly number[] {
    const { process, joinersOfAll } = this.#booted.kernel;
    const joiners = process.threads.get(tid)?.joiners ?? [];
    if (joiners.length + joinersOfAll.length === 0) return NOBODY;
    return [...joiners, ...joinersOfAll].map(({ thread }) => thread.tid);
  }

  /** joiners: who is woken if the thread ends. */
  #questions(joiners: readonly number[]): Asked[] {
    const cpus = this.#booted.kernel.cpus.length;
    const asked: Asked[] = [];
    for (const { at, call } of this.#log.questions) {
      const dependence = call === undefined ? joiners : dependenceOf(call, cpus);
      if (dependence.length > 0) asked.push({ at, dependence });
    }
    return asked;
  }

  #load(state: Int32Array): void {
    const content = state[CONTENT] as number;
    if (this.#isLive(state)) {
      this.#refresh();
      this.#loadContent(content);
      return;
    }
    const shared = state[SHARED] as number;
    const { parts } = this;
    const besides = parts.besidesOf(shared);
    this.#resize(parts.besides.at(besides, MEMORY_BYTES));
    this.#loadContent(content);
    // From here on nothing is asked of the search: it reads from where the tuples are.
    const cpus = readerOf(parts.shared, shared, AFTER_BESIDES);
    const common = readerOf(parts.besides, besides, AFTER_DESCRIPTORS);
    const descriptors = parts.besides.at(besides, DESCRIPTORS);
    if (this.#booted.guest.globals[0] !== undefined) this.#globals.store(0, descriptors, 0);
    const live = this.#live;
    const isSame = live !== undefined && parts.besidesOf(live.shared) === besides;
    const readers = this.#threadReaders(state);
    const { kernel, guest } = this.#booted;
    const services = this.#servicesReader(state[SERVICES] as number);
    kernel.load(cpus, isSame ? undefined : common, services, readers);
    this.#signalsTaken.length = readers.length;
    for (let index = 0; index < readers.length; index++) {
      const reader = readers[index];
      if (reader === undefined) continue;
      this.#signalsTaken[index] = reader.word() >> 1;
      const thread = kernel.process.threads.get(index + 1) as Thread;
      if (thread.suspension !== 'ended') guest.machine.loadContext(thread.context, reader);
    }
  }

  /** Of the threads that are not as they have to be already. */
  #threadReaders(state: Int32Array): (WordReader | undefined)[] {
    const live = this.#live?.threads ?? [];
    const readers: (WordReader | undefined)[] = [];
    for (let at = THREADS; at < state.length; at++) {
      const id = state[at] as number;
      const isSame = id === live[at - THREADS];
      readers.push(isSame ? undefined : readerOf(this.parts.threads, id));
    }
    return readers;
  }

  /** Undefined when they are as they have to be. */
  #servicesReader(services: number): WordReader | undefined {
    if (this.#live?.services === services && !this.parts.hasQueues(services)) return undefined;
    return readerOf(this.parts.services, services);
  }

  /** True when all but the content is there already: the search often goes on from where a step has led. */
  #isLive(state: Int32Array): boolean {
    const live = this.#live;
    if (live === undefined || live.shared !== state[SHARED]) return false;
    if (live.services !== state[SERVICES]) return false;
    if (live.threads.length !== state.length - THREADS) return false;
    for (let index = 0; index < live.threads.length; index++) {
      if (live.threads[index] !== state[THREADS + index]) return false;
    }
    return true;
  }

  /** What is not part of a state, as it is after loading one. */
  #refresh(): void {
    const { kernel } = this.#booted;
    kernel.schedule.clear();
    for (const cpu of kernel.cpus) {
      cpu.isCurrentInterrupted = cpu.current?.suspension === 'interrupt';
    }
  }

  /** Memory never shrinks: a machine with less is a new one. */
  #resize(bytes: number): void {
    if (bytes < this.#guestBytes) this.#boot();
    if (bytes > this.#guestBytes) {
      this.#booted.guest.memory.grow((bytes - this.#guestBytes) / PAGE_BYTES);
    }
  }

  #loadContent(content: number): void {
    const { words } = this.#booted.guest.memory;
    this.memory.difference(this.#content, content, (address, line) => {
      if (isGlobal(address)) this.#loadGlobals(address, line);
      else words.set(line, address >>> 2);
    });
    this.#content = content;
  }

  #loadGlobals(address: number, line: Int32Array): void {
    for (let at = 0; at < line.length; at += 2) {
      const number = globalAt(address + at * 4);
      if (number === 0 || this.#booted.guest.globals[number] === undefined) continue;
      this.#globals.store(number, line[at] as number, line[at + 1] as number);
    }
  }

  #contentAfter(content: number, stores: readonly number[] | undefined): number {
    return stores === undefined ? this.#scan(content) : this.memory.writeAll(content, stores);
  }

  /** The words that have been stored, as they are now: `Step.stores`. */
  #storesOf(accesses: readonly Access[]): number[] {
    const words = new Set<number>();
    const stores: number[] = [];
    const sizeBytes = this.#guestBytes;
    for (let index = 0; index < accesses.length; index++) {
      const { address, bytes, isStore } = accesses[index] as Access;
      const end = isStore ? wordsEnd(address, bytes, sizeBytes) : 0;
      for (let word = firstWord(address); word < end; word += WORD_BYTES) {
        if (words.has(word)) continue;
        words.add(word);
        stores.push(word, this.#liveWord(word));
      }
    }
    return stores;
  }

  /** The content of all memory, by looking at it. */
  #scan(content: number): number {
    let now = content;
    const bytes = this.#guestBytes;
    for (let address = 0; address < bytes; address += 4) {
      now = this.memory.write(now, address, this.#liveWord(address));
    }
    for (let number = 1; number < this.#globals.length; number++) {
      const address = addressOfGlobal(number);
      for (const word of [address, address + 4]) {
        now = this.memory.write(now, word, this.#liveWord(word));
      }
    }
    return now;
  }

  #liveWord(address: number): number {
    if (!isGlobal(address)) return this.#booted.guest.memory.words[address / 4] as number;
    return this.#globals.load(globalAt(address))[(address >>> 2) & 1] as number;
  }

  #capture(): Parts {
    const { threadCount } = this.#booted.kernel;
    const threads: number[] = [];
    for (let tid = 1; tid <= threadCount; tid++) threads.push(this.#captureThread(tid));
    return { shared: this.#captureShared(), services: this.#captureServices(), threads };
  }

  /** The same where only a thread, and who was on its CPU, can have changed, and who is on it. */
  #captureOwn(before: Int32Array, one: number, other: number): Parts {
    const threads: number[] = [];
    for (let tid = 1; THREADS + tid <= before.length; tid++) {
      const id = before[THREADS + tid - 1] as number;
      const hasChanged = tid === one || tid === other;
      threads.push(hasChanged ? this.#captureThread(tid) : (this.#originals.get(id) ?? id));
    }
    const shared = this.#captureCpus(this.parts.besidesOf(before[SHARED] as number));
    return { shared, services: before[SERVICES] as number, threads };
  }

  #captureShared(): number {
    const { kernel } = this.#booted;
    const words = this.#words;
    words.clear();
    words.word(this.#guestBytes);
    words.word(this.#descriptors);
    kernel.saveShared(words);
    return this.#captureCpus(this.parts.besides.intern(words.written));
  }

  #captureServices(): number {
    const { kernel } = this.#booted;
    const words = this.#words;
    words.clear();
    kernel.saveServices(words);
    return this.parts.internServices(words, kernel.hasQueues);
  }

  get #descriptors(): number {
    return this.#booted.guest.globals[0] === undefined ? 0 : (this.#globals.load(0)[0] as number);
  }

  /** What is shared, of which is known what there is besides the CPUs. */
  #captureCpus(besides: number): number {
    const words = this.#words;
    words.clear();
    words.word(besides);
    this.#booted.kernel.saveCpus(words);
    return this.parts.internShared(words, this.#describeShared);
  }

  #captureThread(tid: number): number {
    const { kernel, guest } = this.#booted;
    const thread = kernel.process.threads.get(tid) as Thread;
    const words = this.#words;
    words.clear();
    kernel.saveThread(tid, words);
    const signalsTaken = this.#signalsTaken[tid - 1] ?? 0;
    // Not a matter of the thread alone, but of what is known of it.
    words.word(signalsTaken * 2 + (kernel.cpus[thread.cpu]?.current === thread ? 1 : 0));
    if (thread.suspension !== 'ended') guest.machine.saveContext(thread.context, words);
    return this.parts.internThread(words, () => this.#describeThread(thread, signalsTaken));
  }

  #describeThread(thread: Thread, signalsTaken: number): ThreadInfo {
    const { kernel, guest } = this.#booted;
    const isInSection = guest.text.isInSection(thread.point);
    const isCurrent = kernel.cpus[thread.cpu]?.current === thread;
    return {
      isRunnable: thread.isRunnable,
      isDead: thread.state === 'dead',
      cpu: thread.cpu,
      affinity: kernel.cpus.map(({ id }) => id).filter((cpu) => thread.affinity.has(cpu)),
      point: thread.point,
      isInSection,
      isDoomed: isInSection && thread.isRunnable && thread.notifyResume && !isCurrent,
      isInHandler: thread.frames.length > 0,
      blockedSignals: thread.signalMask | thread.pendingSignals,
      signalsTaken,
      threadPointer: thread.registers.tp >>> 0,
    };
  }

  readonly #describeShared = (): SharedInfo => {
    const { kernel } = this.#booted;
    const handled = kernel.process.signalActions.flatMap(({ handler }, signo) =>
      handler !== SIG_DFL && handler !== SIG_IGN ? [signo] : [],
    );
    return {
      current: kernel.cpus.map(({ current }) => current?.tid ?? 0),
      onlineCpus: kernel.cpus.map(({ id }) => id).filter((cpu) => kernel.isOnline(cpu)),
      handled,
      hasTimers: kernel.hasTimers,
      hasPercpuBase: kernel.process.percpuArea !== undefined,
    };
  };

  /** How the run has ended, if it has. */
  #terminal(): Terminal | undefined {
    const { kernel, guest } = this.#booted;
    const { process } = kernel;
    const kernelWords = process.hasExited ? this.#kernelWords() : [];
    if (process.death !== undefined) {
      const { signal, message, tid, place, ip } = process.death;
      const name = Signal[signal] ?? `signal ${signal}`;
      const where = place || guest.text.placeOf(ip);
      return {
        kind: 'signal',
        isOk: false,
        message: `${name}: ${message}`,
        place: where,
        tid,
        kernelWords,
      };
    }
    if (!process.hasExited) return undefined;
    const tid = tidOf(this.#scheduler.action);
    const place = guest.text.placeOf(process.threads.get(tid)?.point ?? 0);
    const { exitStatus = 0 } = process;
    const message = `program exited with ${exitStatus}`;
    return { kind: 'exit', isOk: exitStatus === 0, message, place, tid, kernelWords };
  }

  #kernelWords(): number[] {
    const ranges = [...this.#booted.kernel.process.threads.values()].flatMap(
      ({ cpuPointer, area, registration }): [number, number][] => [
        [cpuPointer, 4],
        [area, AREA_BYTES],
        [registration?.area ?? 0, registration?.length ?? 0],
      ],
    );
    const used = ranges.filter(([address]) => address !== 0);
    return used.flatMap(([address, bytes]) => [...wordsOf(address, bytes, this.#guestBytes)]);
  }
}

function unionOf(questions: readonly Asked[]): Dependence {
  if (questions.length === 0) return NOBODY;
  const others = new Set<number>();
  for (const { dependence } of questions) {
    if (dependence === 'all') return dependence;
    for (const tid of dependence) others.add(tid);
  }
  return [...others];
}

/** The state but for what is in memory. */
function partsOf(state: Int32Array): Parts {
  return {
    shared: state[SHARED] as number,
    services: state[SERVICES] as number,
    threads: Array.from(state.subarray(THREADS)),
  };
}

/** Behind the first words. */
function readerOf(tuples: Interner, id: number, skipped = 0): WordReader {
  return new WordReader(tuples.words, tuples.start(id) + skipped);
}
