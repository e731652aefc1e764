// Takes the times. The rivals of a group take turns, round after round, in one process, so that what
// disturbs the machine disturbs all of them; a ratio is the median over the rounds of what two rivals
// took in the same round.

import { setTimeout } from 'node:timers/promises';

/** Thrown by a rival that cannot be measured here; the message says why. */
export class Absent extends Error {}

/** The engine optimises behind the program's back: give it time to finish. */
const PAUSE_MILLISECONDS = 20;

/**
 * Measure a group: { name, rivals }. A rival is { name, prepare, run, warmUps, rounds }: `run` does the
 * work once and returns { ns } for a turn of it, and whatever else is to be known of the run; the others
 * may be left out. Errors: what a rival throws, unless it is Absent.
 */
export async function measure({ name, rivals }, { rounds, warmUps }, onProgress) {
  const entries = rivals.map((rival) => ({ rival, times: [], notes: {}, reason: undefined }));
  for (const entry of entries) {
    onProgress(`${name}: preparing ${entry.rival.name}`);
    await attempt(entry, () => warmUp(entry.rival, warmUps));
  }
  for (let round = 0; round < rounds; round++) {
    onProgress(`${name}: round ${round + 1} of ${rounds}`);
    // Each begins as often as it ends: nobody always runs behind the same neighbour.
    for (let step = 0; step < entries.length; step++) {
      await takeTime(entries[(round + step) % entries.length], round);
    }
  }
  return new Measured(name, entries);
}

async function warmUp(rival, warmUps) {
  await rival.prepare?.();
  for (let run = 0; run < (rival.warmUps ?? warmUps); run++) {
    await rival.run();
    await setTimeout(PAUSE_MILLISECONDS);
  }
}

async function takeTime(entry, round) {
  if (entry.reason !== undefined || round >= (entry.rival.rounds ?? Number.POSITIVE_INFINITY))
    return;
  await attempt(entry, async () => {
    const { ns, ...notes } = await entry.rival.run();
    entry.times[round] = ns;
    entry.notes = notes;
  });
}

async function attempt(entry, action) {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    entry.reason = error.message;
  }
}

/** The times of a group. */
class Measured {
  #entries;

  constructor(name, entries) {
    this.name = name;
    this.#entries = entries;
  }

  /** A row a rival; `ratio` is to the first that there is. One that is absent has nulls and a reason. */
  rows() {
    const first = this.#entries.find(({ reason }) => reason === undefined);
    return this.#entries.map(({ rival, times, notes, reason }) => {
      const row = { group: this.name, name: rival.name };
      if (reason !== undefined) return { ...row, ns: null, spread: null, ratio: null, reason };
      const spread = Math.max(...times) / Math.min(...times);
      return {
        ...row,
        ns: median(times),
        spread,
        ratio: pairedRatio(times, first.times),
        ...notes,
      };
    });
  }

  /** How many times as long as `below` the rival `above` takes. Errors: Absent. */
  ratio(above, below) {
    return pairedRatio(this.#times(above), this.#times(below));
  }

  /** Errors: Absent. */
  ns(name) {
    return median(this.#times(name));
  }

  /** What the last run of a rival said besides its time. Errors: Absent. */
  notes(name) {
    this.#times(name);
    return this.#entry(name).notes;
  }

  #times(name) {
    const { times, reason } = this.#entry(name);
    if (reason !== undefined) throw new Absent(`${name}: ${reason}`);
    return times;
  }

  #entry(name) {
    const entry = this.#entries.find(({ rival }) => rival.name === name);
    if (entry === undefined) throw new Error(`${this.name} has no rival ${name}`);
    return entry;
  }
}

/** Rivals that had not the same rounds are compared by their medians. */
function pairedRatio(above, below) {
  if (above.length !== below.length) return median(above) / median(below);
  return median(above.map((time, round) => time / below[round]));
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
