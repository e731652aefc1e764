// A process: one address space, the threads in it, and what they share.

import { NSIG } from '../abi/signal.js';
import { CpuSet } from './cpu-set.js';
import type { Memory } from './memory.js';
import type { CodeRange, Region } from './section.js';
import { DEFAULT_ACTION, type SignalAction } from './signal-frame.js';
import type { Thread } from './thread.js';
import { ThreadTable } from './thread-table.js';

/** Why a process ended without being asked to. */
export interface Death {
  readonly signal: number;
  readonly message: string;
  /** Where, when it is not at `ip`. */
  readonly place: string | undefined;
  readonly ip: number;
  readonly tid: number;
}

/** Bytes from `base` to its copy of the next CPU: `stride`. */
export interface PercpuArea {
  readonly base: number;
  readonly stride: number;
}

export class Process {
  readonly threads: ThreadTable = new ThreadTable();

  // Guest through rt_sigaction. Index n is signal n.
  readonly signalActions: SignalAction[] = Array.from({ length: NSIG + 1 }, () => DEFAULT_ACTION);

  // Guest through restartable_sequences; kept for as long as the process lives.
  region: Region | undefined;

  // Guest through rasctl, the newest first. Replaced, never changed.
  sequences: readonly CodeRange[] = [];

  // Guest through arch_prctl: the area whose part of each CPU the register gs points to.
  percpuArea: PercpuArea | undefined;

  // Guest through membarrier: the register commands it has given, as a mask.
  membarrierRegistrations = 0;

  /** Concurrency ids in use by threads that have a CPU. Writer: the dispatcher. */
  readonly concurrencyIds: CpuSet = new CpuSet();

  // Kernel only.
  exitStatus: number | undefined;
  death: Death | undefined;

  constructor(
    readonly pid: number,
    readonly memory: Memory,
  ) {}

  /** The first thread. The RFC keeps the region with it. */
  get leader(): Thread {
    return this.threads.get(this.pid) as Thread;
  }

  /** What gs holds on a CPU; 0 while the process has no per-CPU area. */
  percpuBase(cpu: number): number {
    const { base, stride } = this.percpuArea ?? { base: 0, stride: 0 };
    return (base + Math.imul(cpu, stride)) | 0;
  }

  get hasExited(): boolean {
    return this.exitStatus !== undefined;
  }
}
