// Seeded random: any CPU, any of its threads, a slice of 1 to 2 x quantum - 1 instructions; one time
// in eight, and whenever the CPU has nothing, a thread of another CPU migrates here.

import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Cpu } from '../cpu.js';
import {
  type Choice,
  runningThread,
  type Scheduler,
  type SchedulerView,
  stealFor,
} from '../scheduler.js';
import type { Thread } from '../thread.js';

const STEAL_ONE_IN = 8;

export class RandomScheduler implements Scheduler {
  readonly name = 'random';
  readonly #generator: ReturnType<typeof xoroshiro128plus>;
  readonly #quantum: number;

  /** quantum: mean fuel of a slice. seed: any 32-bit integer. */
  constructor(quantum: number, seed: number) {
    this.#generator = xoroshiro128plus(seed);
    this.#quantum = quantum;
  }

  pick(view: SchedulerView, choice: Choice): void {
    choice.fuel = 1 + this.#below(2 * this.#quantum - 1);
    // Asked once: with many idle CPUs every one of them would search all the others.
    const canSteal = view.cpus.some(({ queue }) => queue.length > 0);
    let at = this.#below(view.cpus.length);
    for (let step = 0; step < view.cpus.length; step++) {
      const cpu = view.cpus[at] as Cpu;
      const thread = view.isOnline(cpu.id) ? this.#threadFor(cpu, view, canSteal) : undefined;
      if (thread !== undefined) {
        choice.cpu = cpu.id;
        choice.tid = thread.tid;
        return;
      }
      at = (at + 1) % view.cpus.length;
    }
  }

  #threadFor(cpu: Cpu, view: SchedulerView, canSteal: boolean): Thread | undefined {
    const running = runningThread(cpu);
    const own = cpu.queue.length + (running === undefined ? 0 : 1);
    if (own === 0 || this.#below(STEAL_ONE_IN) === 0) {
      const stolen = canSteal ? stealFor(cpu, view) : undefined;
      if (stolen !== undefined || own === 0) return stolen;
    }
    const index = this.#below(own);
    return index < cpu.queue.length ? cpu.queue.at(index) : running;
  }

  #below(limit: number): number {
    return limit <= 1 ? 0 : uniformInt(this.#generator, 0, limit - 1);
  }
}
