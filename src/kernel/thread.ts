// A guest thread: its registers, where it may run, what it waits for, and the signals it is to get.

import type { CpuSet } from './cpu-set.js';
import { type Context, newRegisters, type Registers } from './machine.js';
import type { Process } from './process.js';
import type { Queued } from './run-queue.js';
import type { SignalFrame, Suspension } from './signal-frame.js';
import { NO_EXTRAS, ThreadExtras } from './thread-extras.js';
import type { JoinWait, Wait } from './wait.js';

export type ThreadState = 'runnable' | 'blocked' | 'dead';

export class Thread implements Queued {
  // Set once at spawn.
  readonly tid: number;
  readonly process: Process;
  /** The module whose code it runs. */
  readonly program: number;
  readonly context: Context;

  // The guest through its instructions, the kernel while the thread is at rest.
  readonly registers: Registers = newRegisters();

  // Kernel only: scheduling.
  affinity: CpuSet;
  /** CPU the thread runs on, or ran on last. */
  cpu: number;
  /** Place in the queue of its CPU, -1 when it is in none. Writer: the queue only. */
  queueSlot = -1;
  suspension: Suspension = 'entry';
  /** The point the thread is suspended at, whatever the kernel has made of registers.ip since. */
  point = 0;
  /** Set while it is blocked. */
  wait: Wait | undefined = undefined;
  /** Concurrency id (Linux: mm_cid): unique among the process's threads that have a CPU. */
  concurrencyId = 0;

  // Kernel only: work before user code runs again (Linux: TIF_NOTIFY_RESUME).
  notifyResume = false;
  /** What happened since a personality last looked: bits of RseqEvent. */
  events = 0;
  /** Bit n-1 is signal n. Every thread has one for a moment: the library spawns with all blocked. */
  signalMask = 0n;

  // The personality. turner, google: cpu pointer of this thread, 0 when it takes no part.
  cpuPointer = 0;

  /** Nanoseconds in which it has executed instructions. */
  cpuTime = 0;

  /** Everything else, of a thread that has any. */
  extras: ThreadExtras | undefined = undefined;

  constructor(
    tid: number,
    process: Process,
    program: number,
    context: Context,
    affinity: CpuSet,
    cpu: number,
  ) {
    this.tid = tid;
    this.process = process;
    this.program = program;
    this.context = context;
    this.affinity = affinity;
    this.cpu = cpu;
  }

  get state(): ThreadState {
    if (this.wait !== undefined) return 'blocked';
    return this.suspension === 'ended' ? 'dead' : 'runnable';
  }

  /** state is runnable. */
  get isRunnable(): boolean {
    return this.wait === undefined && this.suspension !== 'ended';
  }

  /** What the import in which the thread is suspended returns when it runs next. */
  get resumeValue(): number {
    return this.suspension === 'interrupt' ? this.registers.ip : this.registers.ax;
  }

  /** What it ended with, once it is dead: no call returns any more, and this is the word for results. */
  get exitStatus(): number {
    return this.registers.ax;
  }

  /** To be read. */
  get someExtras(): Readonly<ThreadExtras> {
    return this.extras ?? NO_EXTRAS;
  }

  /** To be written. */
  get ownExtras(): ThreadExtras {
    this.extras ??= new ThreadExtras();
    return this.extras;
  }

  /** Also one that is blocked. Every switch asks: most threads have no signals to look at. */
  get hasPendingSignal(): boolean {
    return this.extras !== undefined && this.extras.pendingSignals !== 0n;
  }

  get joiners(): readonly JoinWait[] {
    return this.someExtras.joiners;
  }

  get frames(): readonly SignalFrame[] {
    return this.someExtras.frames;
  }

  get pendingSignals(): ThreadExtras['pendingSignals'] {
    return this.someExtras.pendingSignals;
  }

  set pendingSignals(value: ThreadExtras['pendingSignals']) {
    if (value !== this.pendingSignals) this.ownExtras.pendingSignals = value;
  }

  get area(): ThreadExtras['area'] {
    return this.someExtras.area;
  }

  set area(value: ThreadExtras['area']) {
    if (value !== this.area) this.ownExtras.area = value;
  }

  get eventCounter(): ThreadExtras['eventCounter'] {
    return this.someExtras.eventCounter;
  }

  set eventCounter(value: ThreadExtras['eventCounter']) {
    if (value !== this.eventCounter) this.ownExtras.eventCounter = value;
  }

  get registration(): ThreadExtras['registration'] {
    return this.someExtras.registration;
  }

  set registration(value: ThreadExtras['registration']) {
    if (value !== this.registration) this.ownExtras.registration = value;
  }

  get writtenIds(): ThreadExtras['writtenIds'] {
    return this.someExtras.writtenIds;
  }

  set writtenIds(value: ThreadExtras['writtenIds']) {
    if (value !== this.writtenIds) this.ownExtras.writtenIds = value;
  }

  get sliceExtension(): ThreadExtras['sliceExtension'] {
    return this.someExtras.sliceExtension;
  }

  set sliceExtension(value: ThreadExtras['sliceExtension']) {
    if (value !== this.sliceExtension) this.ownExtras.sliceExtension = value;
  }

  get incoherence(): ThreadExtras['incoherence'] {
    return this.someExtras.incoherence;
  }

  set incoherence(value: ThreadExtras['incoherence']) {
    if (value !== this.incoherence) this.ownExtras.incoherence = value;
  }
}
