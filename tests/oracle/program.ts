// The program that runs a scenario: its memory, what it prints, and the means that scenarios share,
// those of tests/native/subject.h and of the C library.
//
// The subject is the one thread of a scenario that goes through sections: a thread of its own where
// another has to disturb it inside, else the main thread. The protocol:
//   startSubject()    returns when the subject is inside its section
//   ... disturb ...
//   leave()           lets the section go on; it commits now unless it was, or is to be, aborted
// What must abort is done once. What must not abort is tried until one try commits, since any thread
// may be switched out at any time: commitsOnce().

import { Errno } from '../../src/abi/errno.js';
import { FutexOp } from '../../src/abi/futex.js';
import {
  RSEQ_CPU_ID_UNINITIALIZED,
  RSEQ_LEGACY_BYTES,
  RSEQ_SIG,
} from '../../src/abi/linux-rseq.js';
import { TASK_SIZE } from '../../src/abi/module.js';
import {
  FrameRegister,
  SIGACTION_FLAGS,
  SIGACTION_HANDLER,
  SIGACTION_MASK,
  Signal,
  SignalContextOp,
  SIGSET_BYTES,
} from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { TIMESPEC_NANOSECONDS, TIMESPEC_SECONDS } from '../../src/abi/time.js';
import {
  clone,
  exitGroup,
  getCpu,
  getpid,
  gettid,
  join,
  nanosleep,
  privateFutex,
  rseq,
  setAffinity,
  sigaction,
  systemCall,
  tgkill,
  write,
  yieldCpu,
} from './calls.js';
import { FunctionTable } from './generator-machine.js';
import { type Guest, type GuestFunction, point } from './guest.js';
import { PAGE, type PagedMemory } from './paged-memory.js';
import {
  Area,
  Descriptor,
  type Section,
  type SectionOutcome,
  SPIN_ABORT,
  SPIN_END,
  SPIN_START,
  spin,
  STAY_ABORT,
  STAY_END,
  stay,
  Words,
  WAITING,
} from './section.js';

/** The main function of a scenario's process. */
export type Main = (program: Program) => Guest<number | void>;

/** What the kernel is told to do that it has no system call for; see process.ts. */
export enum HarnessCall {
  Fork = 0x2000,
  Vfork = 0x2001,
  Exec = 0x2002,
  ResumeWork = 0x2003,
}

export const CPUS = [0, 1] as const;
const [FIRST_CPU, SECOND_CPU] = CPUS;
const ANY_CPU = -1;
export const ATTEMPTS = 1000;
/** An address that no process can use: of a system call's argument, and of 64 bits. */
export const KERNEL_ADDRESS = -PAGE;
export const KERNEL_POINTER: bigint = BigInt.asUintN(64, BigInt(-PAGE));
/** Beyond the tid of any thread. */
export const NO_TID = 0x3fffffff;
/** Where nothing is mapped, though something could be. */
export const UNMAPPED: number = TASK_SIZE - 16 * PAGE;
const MASK_BYTES = 8;

// Static data, and from HEAP on what scenarios allocate.
const AREA = 0x1000;
const ANOTHER_AREA = 0x1040;
const DESCRIPTOR = 0x1080;
const WORDS = 0x10c0;
const TIME = 0x1100;
const ACTION = 0x1140;
const MASK = 0x1180;
const CPU = 0x11c0;
const NODE = 0x11c4;
const SLEEP_WORD = 0x11c8;
const TEXT = 0x1200;
const HEAP = 0x1300;
const HEAP_END = 0x10000;

/** Where a handler found the saved ip, seen from the subject's descriptor: `before` is one byte. */
export type Where = 'not-seen' | 'outside' | 'before' | 'inside' | 'end' | 'abort';

/** The thread that goes through a section; see the top. */
export class Subject {
  readonly area: Area;
  readonly descriptor: Descriptor;
  /** What goes into area.rseqCs. */
  pointer = BigInt(DESCRIPTOR);
  words = new Words(WORDS);
  enter: Section = spin;
  signature = RSEQ_SIG;
  isUnregistered = false;
  cpu: number = ANY_CPU;
  tid = 0;
  thread = 0;
  mayExit = false;
  outcome: SectionOutcome = 'aborted';
  /** What it was as soon as the section was left. */
  cpuIdStartBehind = 0;

  constructor(memory: PagedMemory) {
    this.area = new Area(memory, AREA);
    this.descriptor = new Descriptor(memory, DESCRIPTOR);
  }

  /** A subject that goes through spin, as spin is meant. */
  reset(): void {
    this.area.cpuId = RSEQ_CPU_ID_UNINITIALIZED;
    this.descriptor.describe(SPIN_START, SPIN_END, SPIN_ABORT);
  }

  useStay(start: number, end: number): void {
    this.enter = stay;
    this.descriptor.describe(start, end, STAY_ABORT);
  }

  locate(ip: number): Where {
    const { start, length, abort } = this.descriptor;
    const distance = BigInt.asUintN(64, BigInt(ip) - start);
    if (BigInt(ip) === abort) return 'abort';
    if (distance < length) return 'inside';
    if (distance === length) return 'end';
    return distance === BigInt.asUintN(64, -1n) ? 'before' : 'outside';
  }
}

export class Program {
  readonly functions: FunctionTable;
  readonly subject: Subject;
  /** For scenarios that need a second one. */
  readonly anotherArea: Area;
  /** What the handler has seen. */
  readonly seen = { where: 'not-seen' as Where, slotIsZero: false, count: 0 };
  /** What the next child runs, and how many there have been. */
  child: Main | undefined;
  children = 0;
  #heap = HEAP;

  constructor(
    readonly scenario: string,
    readonly memory: PagedMemory,
    main: Main,
  ) {
    this.functions = new FunctionTable(() => main(this));
    this.subject = new Subject(memory);
    this.anotherArea = new Area(memory, ANOTHER_AREA);
  }

  // What is printed: `<scenario> <step>: <result>`. A process that is killed has printed all it said.

  *sayWord(step: string, word: string): Guest {
    const line = Uint8Array.from(`${this.scenario} ${step}: ${word}\n`, (c) => c.charCodeAt(0));
    this.memory.copyOut(TEXT, line);
    const written = yield* write(1, TEXT, line.length);
    if (written !== line.length) throw new Error(`a write of ${line.length} returned ${written}`);
  }

  /** The result of a system call: 0, a small number, or the name of an errno. */
  *say(step: string, result: number | Guest<number>): Guest {
    const value = typeof result === 'number' ? result : yield* result;
    const name = value < 0 ? Errno[-value] : undefined;
    yield* this.sayWord(step, name === undefined ? `${value}` : `-${name}`);
  }

  *sayWhether(step: string, truth: boolean | Guest<boolean>): Guest {
    const isTrue = typeof truth === 'boolean' ? truth : yield* truth;
    yield* this.sayWord(step, isTrue ? 'yes' : 'no');
  }

  *sayOutcome(outcome: Guest<SectionOutcome>): Guest {
    yield* this.sayWord('outcome', yield* outcome);
  }

  // Memory.

  /** Bytes of their own, zero, for as long as the process lives. */
  allocate(bytes: number): number {
    const address = this.#heap;
    this.#heap += Math.ceil(bytes / 64) * 64;
    if (this.#heap > HEAP_END) throw new Error('no memory is left');
    return address;
  }

  /** A struct timespec. */
  time(seconds: number, nanoseconds: number): number {
    return this.#writeTime(this.allocate(16), seconds, nanoseconds);
  }

  secondsAt(time: number): number {
    return Number(this.memory.read64(time + TIMESPEC_SECONDS));
  }

  nanosecondsAt(time: number): number {
    return this.secondsAt(time) * 1e9 + Number(this.memory.read64(time + TIMESPEC_NANOSECONDS));
  }

  #writeTime(address: number, seconds: number, nanoseconds: number): number {
    this.memory.write64(address + TIMESPEC_SECONDS, BigInt(seconds));
    this.memory.write64(address + TIMESPEC_NANOSECONDS, BigInt(nanoseconds));
    return address;
  }

  // Threads.

  startThread(body: GuestFunction, argument = 0): Guest<number> {
    return clone(this.functions.numberOf(body), argument);
  }

  *runThread(body: GuestFunction): Guest {
    yield* join(yield* this.startThread(body));
  }

  /** Another user of the memory, asleep: without one, a fence has nothing to do. */
  *startSleeper(): Guest {
    yield* this.startThread(() => privateFutex(FutexOp.Wait, SLEEP_WORD));
  }

  sleepMilliseconds(milliseconds: number): Guest<number> {
    return nanosleep(this.#writeTime(TIME, 0, milliseconds * 1_000_000), 0);
  }

  // CPUs.

  /** Restrict a thread, 0 for the caller, to one CPU. */
  pin(tid: number, cpu: number): Guest<number> {
    this.memory.write64(MASK, 1n << BigInt(cpu));
    return setAffinity(tid, MASK_BYTES, MASK);
  }

  *currentCpu(): Guest<number> {
    yield* getCpu(CPU, 0);
    return this.memory.read32(CPU);
  }

  *currentNode(): Guest<number> {
    yield* getCpu(0, NODE);
    return this.memory.read32(NODE);
  }

  // The subject.

  *registerSubject(): Guest {
    const { area, signature } = this.subject;
    const result = yield* rseq(area.address, RSEQ_LEGACY_BYTES, 0, signature);
    if (result === 0) return;
    yield* this.say('cannot-register', result);
    yield* exitGroup(2);
  }

  /** The main thread as the subject. */
  *beSubject(): Guest {
    this.subject.tid = yield* gettid();
    yield* this.registerSubject();
  }

  *startSubject(cpu: number = ANY_CPU): Guest {
    const { subject } = this;
    subject.words = new Words(WORDS);
    subject.mayExit = false;
    subject.cpu = cpu;
    subject.thread = yield* this.startThread(this.#subjectMain);
    while (!subject.words.entered) yield* this.#waitForSubject();
  }

  readonly #subjectMain: GuestFunction = () => this.#beSubjectThread();

  *#beSubjectThread(): Guest {
    const { subject } = this;
    subject.tid = yield* gettid();
    if (subject.cpu !== ANY_CPU) yield* this.pin(0, subject.cpu);
    if (!subject.isUnregistered) yield* this.registerSubject();
    // Aborted before anybody could see it inside: that one does not count.
    do {
      subject.outcome = yield* subject.enter(subject.area, subject.pointer, subject.words);
    } while (!subject.words.entered);
    subject.cpuIdStartBehind = subject.area.cpuIdStart;
    while (!subject.mayExit) yield* yieldCpu();
  }

  /** On the CPU of its own the main thread stays, and waits; it gives away one that both share. */
  *#waitForSubject(): Guest {
    if (this.subject.cpu === SECOND_CPU) yield point(WAITING);
    else yield* yieldCpu();
  }

  /** Let the section go on, and wait for the subject to end. */
  *leave(): Guest<SectionOutcome> {
    const { subject } = this;
    subject.words.target = STAY_END;
    subject.words.release = true;
    subject.mayExit = true;
    yield* join(subject.thread);
    return subject.outcome;
  }

  *succeedsOnce(attempt: () => Guest<boolean>): Guest<boolean> {
    for (let i = 0; i < ATTEMPTS; i++) {
      if (yield* attempt()) return true;
    }
    return false;
  }

  /** Is the subject, on the second CPU, ever let commit when the first disturbs it so? */
  *commitsOnce(disturb: () => Guest): Guest<boolean> {
    yield* this.pin(0, FIRST_CPU);
    for (let i = 0; i < ATTEMPTS; i++) {
      yield* this.startSubject(SECOND_CPU);
      yield* disturb();
      if ((yield* this.leave()) === 'committed') return true;
    }
    return false;
  }

  // Signals.

  *handle(signo: number, handler: GuestFunction, flags = 0): Guest {
    this.memory.write32(ACTION + SIGACTION_HANDLER, this.functions.numberOf(handler));
    this.memory.write32(ACTION + SIGACTION_FLAGS, flags);
    this.memory.write64(ACTION + SIGACTION_MASK, 0n);
    yield* sigaction(signo, ACTION, 0, SIGSET_BYTES);
  }

  /** A handler that looks at what it interrupted. */
  readonly observe: GuestFunction = () => this.observation();

  *observation(): Guest {
    const { Get } = SignalContextOp;
    const ip = yield* systemCall(Sysno.SignalContext, Get, 0, FrameRegister.Ip);
    this.seen.where = this.subject.locate(ip >>> 0);
    this.seen.slotIsZero = this.subject.area.rseqCs === 0n;
    this.seen.count++;
  }

  /** Send SIGUSR1 to the subject and wait until its handler, which observes, has been called. */
  *signalSubject(): Guest {
    const { count } = this.seen;
    yield* tgkill(yield* getpid(), this.subject.tid, Signal.SIGUSR1);
    while (this.seen.count === count) yield* yieldCpu();
  }

  *signalSelf(): Guest {
    yield* tgkill(yield* getpid(), yield* gettid(), Signal.SIGUSR1);
  }

  // Processes; see process.ts.

  /** The child runs, to its end, before the call returns its status. */
  *fork(child: Main, call: HarnessCall.Fork | HarnessCall.Vfork = HarnessCall.Fork): Guest<number> {
    this.child = function* begin(program: Program) {
      yield* systemCall(call);
      return yield* child(program);
    };
    return yield* systemCall(call);
  }
}
