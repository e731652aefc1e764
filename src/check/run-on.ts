// How far a thread goes in one step. What nobody else can notice can change places with whatever others do
// before it, so there is no need to stop there. In a step a thread does such things, then one thing that
// others could notice. When that was a system call it goes on up to the next, since what it keeps of a
// call's result would tell states apart in which it has no use for it any more.
//
//   ── own ── own ── noticed │ stop            ── own ── system call ── own ── own │ noticed

import type { Booted } from '../host/host.js';
import type { Cpu } from '../kernel/cpu.js';
import type { Thread } from '../kernel/thread.js';
import { TraceEvent } from '../kernel/trace.js';
import { POINTS } from './dependence.js';
import { BEGINNING, type Position, type StepLog } from './step-log.js';

/** Points that a thread passes in a step, at most: it may never come to anything that others notice. */
const MOST_POINTS = 1000;

export interface RunOnRules {
  /** Whether others use a word. */
  readonly isShared: (address: number) => boolean;
  /** Signals may come at any time. */
  readonly hasSignals: boolean;
}

export interface Reach {
  /** How many points the thread comes to in the step. */
  readonly points: number;
  /** It has gone one further to find that out: the step has to be done again. */
  readonly isPassed: boolean;
  /** Words that it has used as nobody else uses them; there may be some twice. */
  readonly ownWords: readonly number[];
}

export class RunOn {
  readonly #log: StepLog;
  readonly #booted: Booted;
  readonly #cpu: Cpu;
  readonly #thread: Thread;
  readonly #depth: number;

  /** The thread has come to its first point on the CPU. depth: handlers that it was in before. */
  constructor(log: StepLog, booted: Booted, cpu: Cpu, thread: Thread, depth: number) {
    this.#log = log;
    this.#booted = booted;
    this.#cpu = cpu;
    this.#thread = thread;
    this.#depth = depth;
  }

  /**
   * Go on, by `advance` from point to point. wasInSection: where the step began. rules: undefined to stop at
   * every point, but where a system call is not over.
   */
  run(rules: RunOnRules | undefined, wasInSection: boolean, advance: () => void): Reach {
    const thread = this.#thread;
    const ownWords: number[] = [];
    // What a section has done is for others to notice, unless its thread was sent back.
    let isNoticed = wasInSection && !this.#log.has(TraceEvent.Restart);
    let isBehindCall = false;
    let seen: Position = BEGINNING;
    for (let points = 1; points < MOST_POINTS; points++) {
      const isOwn = !isNoticed && rules !== undefined && this.#isOwn(seen, rules, ownWords);
      if (isOwn) ownWords.push(POINTS);
      else if (isBehindCall) return { points: points - 1, isPassed: true, ownWords };
      else if (!this.#isRunning) return { points, isPassed: false, ownWords };
      else if (thread.notifyResume) isNoticed = true;
      else if (isNoticed || rules === undefined || !this.#isBehindCall) {
        return { points, isPassed: false, ownWords };
      } else isBehindCall = true;
      seen = this.#log.position;
      advance();
    }
    return { points: MOST_POINTS, isPassed: false, ownWords };
  }

  /** True when all since then was to use words that nobody else uses, and it may go on; `words` gets them then. */
  #isOwn(seen: Position, { isShared, hasSignals }: RunOnRules, words: number[]): boolean {
    if (!this.#isRunning || !this.#mayGoOn || isShared(POINTS)) return false;
    const first = words.length;
    let isOwn = this.#log.addWordsSince(seen, this.#thread.tid, hasSignals, words);
    for (let at = first; isOwn && at < words.length; at++) isOwn = !isShared(words[at] as number);
    if (!isOwn) words.length = first;
    return isOwn;
  }

  get #isRunning(): boolean {
    const { hasExited } = this.#booted.kernel.process;
    return !hasExited && this.#thread.isRunnable && this.#cpu.current === this.#thread;
  }

  get #isBehindCall(): boolean {
    return this.#thread.suspension === 'syscall' && this.#mayGoOn;
  }

  /** Where it is now, the thread would not notice that its CPU was taken away. */
  get #mayGoOn(): boolean {
    const { kernel, guest } = this.#booted;
    const { point, frames, affinity } = this.#thread;
    if (frames.length !== this.#depth || guest.text.isInSection(point)) return false;
    if (kernel.process.percpuArea === undefined) return true;
    return kernel.cpus.filter(({ id }) => affinity.has(id)).length === 1;
  }
}
