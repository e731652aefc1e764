// Round robin: CPUs in turn, each gives its queue's head one quantum. An idle CPU steals.

import type { Cpu } from '../cpu.js';
import {
  type Choice,
  runningThread,
  type Scheduler,
  type SchedulerView,
  stealFor,
} from '../scheduler.js';
import type { Thread } from '../thread.js';

export class RoundRobinScheduler implements Scheduler {
  readonly name = 'round-robin';
  readonly #quantum: number;
  #lastCpu = -1;

  /** quantum: fuel of a slice. */
  constructor(quantum: number) {
    this.#quantum = quantum;
  }

  pick(view: SchedulerView, choice: Choice): void {
    choice.fuel = this.#quantum;
    for (let step = 0; step < view.cpus.length; step++) {
      this.#lastCpu = (this.#lastCpu + 1) % view.cpus.length;
      const cpu = view.cpus[this.#lastCpu] as Cpu;
      const thread = view.isOnline(cpu.id) ? nextThread(cpu, view) : undefined;
      if (thread === undefined) continue;
      choice.cpu = cpu.id;
      choice.tid = thread.tid;
      return;
    }
  }
}

function nextThread(cpu: Cpu, view: SchedulerView): Thread | undefined {
  if (cpu.queue.length > 0) return cpu.queue.at(0);
  return runningThread(cpu) ?? stealFor(cpu, view);
}
