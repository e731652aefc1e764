// A guest thread: its registers, where it may run, what it waits for, and the signals it is to get.

import type { CpuSet } from './cpu-set.js';
import { type Context, newRegisters, type Registers } from './machine.js';
import type { Process } from './process.js';
import type { Registration, RseqIds, SliceExtension } from './rseq/registration.js';
import type { Queued, RunQueue } from './run-queue.js';
import type { SignalFrame, Suspension } from './signal-frame.js';
import type { JoinWait, Wait } from './wait.js';

export type ThreadState = 'runnable' | 'blocked' | 'dead';

export class Thread implements Queued<Thread> {
  // Set once at spawn.
  readonly tid: number;
  readonly process: Process;
  /** The module whose code it runs. */
  readonly program: number;
  readonly context: Context;

  // The guest through its instructions, the kernel while the thread is at rest.
  readonly registers: Registers = newRegisters();

  // Kernel only: scheduling.
  state: ThreadState = 'runnable';
  affinity: CpuSet;
  /** CPU the thread runs on, or ran on last. */
  cpu: number;
  queue: RunQueue<Thread> | undefined;
  queueSlot = 0;
  /** True when its slice ended by fuel, not by its own wish. */
  wasInterrupted = false;
  suspension: Suspension = 'entry';
  /** The point the thread is suspended at, whatever the kernel has made of registers.ip since. */
  point = 0;
  exitStatus = 0;
  readonly joiners: JoinWait[] = [];
  /** Set while it is blocked. */
  wait: Wait | undefined;
  /** Concurrency id (Linux: mm_cid): unique among the process's threads that have a CPU. */
  concurrencyId = 0;

  // Kernel only: work before user code runs again (Linux: TIF_NOTIFY_RESUME, TIF_SIGPENDING).
  notifyResume = false;
  /** What happened since a personality last looked: bits of RseqEvent. */
  events = 0;
  /** Bit n-1 is signal n. */
  pendingSignals = 0n;
  signalMask = 0n;
  readonly frames: SignalFrame[] = [];

  // The personality. turner, google: cpu pointer of this thread, 0 when it takes no part.
  cpuPointer = 0;
  /** event-counter, percpu-signal: the area it shares with the kernel, 0 when there is none. */
  area = 0;
  /** event-counter: events so far, as the area has them. */
  eventCounter = 0;
  /** linux, linux-v2: set while it is registered. */
  registration: Registration | undefined;
  /** linux-v2: what the kernel wrote to the area last. */
  writtenIds: RseqIds | undefined;
  /** linux-v2 */
  sliceExtension: SliceExtension = 'off';
  /** linux-v2: what a system call has found wrong. Resume work kills for it, with these words. */
  incoherence: string | undefined;

  // Statistics: instructions it has executed.
  fuelUsed = 0;

  // Statistics: redirections with no other exit from user code in between.
  restartsInARow = 0;
  exitsSinceRestart = 0;
  /** Largest slice, in fuel, that such a redirection ended. */
  largestFutileSlice = 0;
  lastRestartedIp = 0;

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

  /** What the import in which the thread is suspended returns when it runs next. */
  get resumeValue(): number {
    return this.suspension === 'interrupt' ? this.registers.ip : this.registers.ax;
  }
}
