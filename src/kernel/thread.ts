// A guest thread: its registers, where it may run, what it waits for, and the signals it is to get.

import type { CpuSet } from './cpu-set.js';
import type { Context, Registers } from './machine.js';
import type { Process } from './process.js';
import type { Queued, RunQueue } from './run-queue.js';
import type { SignalFrame, Suspension } from './signal-frame.js';

export type ThreadState = 'runnable' | 'blocked' | 'dead';

export class Thread implements Queued<Thread> {
  // Set once at spawn.
  readonly tid: number;
  readonly process: Process;
  readonly context: Context;

  // The guest through its instructions, the kernel while the thread is at rest.
  readonly registers: Registers = { ip: 0, r10: 0, ax: 0, tp: 0 };

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
  readonly joiners: Thread[] = [];
  /** Thread this one waits for in join. */
  joining: Thread | undefined;
  /** Where join is to store the status; 0: return it. */
  joinStatus = 0;

  // Kernel only: work before user code runs again (Linux: TIF_NOTIFY_RESUME, TIF_SIGPENDING).
  notifyResume = false;
  /** Bit n-1 is signal n. */
  pendingSignals = 0n;
  signalMask = 0n;
  readonly frames: SignalFrame[] = [];

  // The personality: cpu pointer of this thread, 0 when it takes no part.
  cpuPointer = 0;

  // Statistics: redirections with no other exit from user code in between.
  restartsInARow = 0;
  exitsSinceRestart = 0;
  /** Largest slice, in fuel, that such a redirection ended. */
  largestFutileSlice = 0;
  lastRestartedIp = 0;

  constructor(tid: number, process: Process, context: Context, affinity: CpuSet, cpu: number) {
    this.tid = tid;
    this.process = process;
    this.context = context;
    this.affinity = affinity;
    this.cpu = cpu;
  }

  /** What the import in which the thread is suspended returns when it runs next. */
  get resumeValue(): number {
    return this.suspension === 'interrupt' ? this.registers.ip : this.registers.ax;
  }
}
