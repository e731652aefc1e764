// Replay: repeats a recorded schedule slice by slice.

import type { Choice, Scheduler, SchedulerView } from '../scheduler.js';

/** The program does not do what it did when the schedule was recorded. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

export class ReplayScheduler implements Scheduler {
  readonly name = 'replay';
  readonly #choices: readonly Choice[];
  #at = 0;

  constructor(choices: readonly Choice[]) {
    this.#choices = choices;
  }

  /** Errors: ReplayError when the recording has ended, or names a thread that cannot run there. */
  pick(view: SchedulerView, choice: Choice): void {
    const slice = this.#at++;
    const recorded = this.#choices[slice];
    if (recorded === undefined) {
      throw new ReplayError(`schedule ended after ${slice} slices, but the program runs on`);
    }
    const isEvent = recorded.fuel === 0;
    const thread = view.runnable(recorded.tid);
    if (isEvent) choice.event = recorded.event ?? 0;
    else if (
      thread === undefined ||
      !view.isOnline(recorded.cpu) ||
      !thread.affinity.has(recorded.cpu)
    ) {
      const { tid, cpu } = recorded;
      throw new ReplayError(`schedule slice ${slice}: thread ${tid} cannot run on cpu ${cpu} now`);
    }
    choice.cpu = recorded.cpu;
    choice.tid = recorded.tid;
    choice.fuel = recorded.fuel;
  }
}
