// Two ABIs in one process, the only two that ever lived together: Google's kernels kept the old region
// while programs moved to Linux's rseq. The new one first, then the region on the ip that came of it.

import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import type { SyscallHandler } from '../syscall.js';
import type { Thread } from '../thread.js';
import type { Personality, ResumeOutcome } from './personality.js';

export class PairPersonality implements Personality {
  readonly name: string;
  readonly syscalls: Personality['syscalls'];
  readonly hasFence: boolean;
  readonly readsEvents: boolean;

  /** rseq: linux or linux-v2; region: turner or google. */
  constructor(
    readonly rseq: Personality,
    readonly region: Personality,
  ) {
    this.name = `${rseq.name}+${region.name}`;
    this.syscalls = merge(rseq, region);
    this.hasFence = rseq.hasFence ?? false;
    this.readsEvents = rseq.readsEvents ?? false;
  }

  onSwitchOut(registers: Readonly<Registers>): boolean {
    const isAskedByRseq = this.rseq.onSwitchOut(registers);
    return this.region.onSwitchOut(registers) || isAskedByRseq;
  }

  onResume(thread: Thread): ResumeOutcome {
    return both(this.rseq.onResume(thread), () => this.region.onResume(thread));
  }

  onSignal(thread: Thread): ResumeOutcome {
    return both(this.rseq.onSignal(thread), () => this.region.onSignal(thread));
  }

  onSyscallEntry(thread: Thread, sysno: number): boolean {
    return this.rseq.onSyscallEntry?.(thread, sysno) ?? false;
  }

  onSyscallExit(thread: Thread): ResumeOutcome {
    return this.rseq.onSyscallExit?.(thread) ?? 'unchanged';
  }

  onSliceEnd(thread: Thread): number {
    return this.rseq.onSliceEnd?.(thread) ?? 0;
  }

  onClone(parent: Thread, child: Thread): void {
    this.rseq.onClone(parent, child);
    this.region.onClone(parent, child);
  }

  onFork(parent: Thread, child: Thread): void {
    this.rseq.onFork(parent, child);
    this.region.onFork(parent, child);
  }

  onExec(process: Process): void {
    this.rseq.onExec(process);
    this.region.onExec(process);
  }

  onExit(thread: Thread): void {
    this.rseq.onExit(thread);
    this.region.onExit(thread);
  }
}

/** Redirected if either did; the first that finds memory incoherent is the last. */
function both(first: ResumeOutcome, second: () => ResumeOutcome): ResumeOutcome {
  if (typeof first === 'object') return first;
  const outcome = second();
  return outcome === 'unchanged' ? first : outcome;
}

function merge(one: Personality, other: Personality): ReadonlyMap<number, SyscallHandler> {
  for (const sysno of one.syscalls.keys()) {
    if (!other.syscalls.has(sysno)) continue;
    throw new Error(`${one.name} and ${other.name} both have system call ${sysno}`);
  }
  return new Map([...one.syscalls, ...other.syscalls]);
}
