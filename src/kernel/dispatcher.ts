// Which thread is on which CPU, and which wait for one. Everything that takes a thread from one
// place to another goes through here; where to is decided elsewhere.
//
// Invariant: a runnable thread is current on its CPU or in one queue, never both; no other is in any.

import type { Cpu } from './cpu.js';
import type { CpuSet } from './cpu-set.js';
import { copyRegisters, newRegisters } from './machine.js';
import { panic } from './panic.js';
import { RseqEvent } from './rseq/event.js';
import type { Personality } from './rseq/personality.js';
import type { Thread } from './thread.js';
import { type Counts, TraceEvent, type Tracer } from './trace.js';

export class Dispatcher {
  #runnableCount = 0;
  /** What the switch-out hook sees: one object, so that a switch allocates nothing. */
  readonly #seen = newRegisters();

  constructor(
    readonly cpus: readonly Cpu[],
    readonly personality: Personality,
    readonly counts: Counts,
    readonly tracer: Tracer,
  ) {}

  get runnableCount(): number {
    return this.#runnableCount;
  }

  /** Every CPU idle and every queue empty. */
  clear(): void {
    this.#runnableCount = 0;
    for (const cpu of this.cpus) {
      cpu.current = undefined;
      cpu.queue.clear();
    }
  }

  /** Leave the CPU idle; its thread waits for it. */
  park(cpu: Cpu): void {
    if (cpu.current !== undefined) this.#switchOut(cpu);
  }

  /** Put the thread on the CPU that it was on when the state was saved. */
  resumeOn(cpu: Cpu, thread: Thread): void {
    this.#runnableCount++;
    cpu.current = thread;
    cpu.isCurrentInterrupted = thread.suspension === 'interrupt';
    thread.process.concurrencyIds.add(thread.concurrencyId);
  }

  /** A thread that is new or waits no more: into the queue of its CPU. */
  add(thread: Thread): void {
    this.#runnableCount++;
    this.#cpuOf(thread).queue.push(thread);
  }

  /**
   * Put the thread on the CPU, and whoever holds that in its queue.
   * Preconditions: the thread is runnable, and not on that CPU.
   */
  switchTo(cpu: Cpu, thread: Thread): void {
    const holder = this.#cpuOf(thread);
    if (holder.current === thread) this.#switchOut(holder);
    if (cpu.current !== undefined) this.#switchOut(cpu);
    if (thread.queueSlot >= 0) holder.queue.remove(thread);
    if (thread.cpu !== cpu.id) this.#migrate(thread, cpu.id);
    cpu.current = thread;
    thread.concurrencyId = thread.process.concurrencyIds.addFirstAbsent();
  }

  /** To another CPU, and to the end of its queue. */
  move(thread: Thread, cpu: number): void {
    const holder = this.#cpuOf(thread);
    if (holder.current === thread) this.#switchOut(holder);
    if (thread.queueSlot >= 0) holder.queue.remove(thread);
    this.#migrate(thread, cpu);
    if (thread.isRunnable) this.#cpuOf(thread).queue.push(thread);
  }

  /** The thread, which is on a CPU, is not runnable any more. */
  stop(thread: Thread): void {
    this.#runnableCount--;
    this.#switchOut(this.#cpuOf(thread));
  }

  /** The CPU with the fewest threads of those allowed, the first of them. */
  idlestCpu(allowed: CpuSet): number {
    let best = -1;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (const cpu of this.cpus) {
      const load = cpu.queue.length + (cpu.current === undefined ? 0 : 1);
      if (load >= bestLoad || !allowed.has(cpu.id)) continue;
      best = cpu.id;
      bestLoad = load;
    }
    return best;
  }

  #migrate(thread: Thread, cpu: number): void {
    const from = thread.cpu;
    thread.cpu = cpu;
    thread.registers.gs = thread.process.percpuBase(cpu);
    thread.events |= RseqEvent.Migrate;
    thread.notifyResume = true;
    this.counts.migrations++;
    this.tracer.emit(TraceEvent.Migrate, thread, from, 0);
  }

  /** Take the thread off its CPU. The hook gets a copy of the registers and nothing else (law R2). */
  #switchOut(cpu: Cpu): void {
    const thread = cpu.current ?? panic('switchOut', `cpu ${cpu.id} is idle`);
    cpu.current = undefined;
    thread.process.concurrencyIds.delete(thread.concurrencyId);
    thread.events |= RseqEvent.Preempt;
    copyRegisters(thread.registers, this.#seen);
    if (this.personality.onSwitchOut(this.#seen)) thread.notifyResume = true;
    const { isRunnable } = thread;
    if (isRunnable) cpu.queue.push(thread);
    const isPreempted = isRunnable && cpu.isCurrentInterrupted;
    if (isPreempted) this.counts.preemptions++;
    this.tracer.emit(TraceEvent.SwitchOut, thread, isPreempted ? 1 : 0, 0);
  }

  #cpuOf(thread: Thread): Cpu {
    return this.cpus[thread.cpu] ?? panic('Dispatcher', `there is no cpu ${thread.cpu}`);
  }
}
