// What may stop a search before it has seen everything.

export interface Limits {
  readonly maxStates: number;
  readonly maxSeconds: number;
  /** Bytes. */
  readonly maxMemory: number;
  /** Steps from the beginning. */
  readonly depth: number;
}

export const NO_LIMITS: Limits = {
  maxStates: Number.POSITIVE_INFINITY,
  maxSeconds: Number.POSITIVE_INFINITY,
  maxMemory: Number.POSITIVE_INFINITY,
  depth: Number.POSITIVE_INFINITY,
};

/** What a search has come to so far. */
export interface Progress {
  readonly states: number;
  readonly transitions: number;
  /** States that are known and wait to be looked at. */
  readonly queue: number;
  readonly depth: number;
  /** Bytes. */
  readonly memory: number;
  readonly seconds: number;
  /** Part of the search that is done, 0 to 1, as far as can be told. */
  readonly done: number;
}

/** What a search says of itself. */
export interface Measured extends Omit<Progress, 'seconds'> {
  /** It has no room for much more: `SearchCore.isNearlyFull`. */
  readonly isNearlyFull: boolean;
}

/** A search that others can take part in. */
export interface Divisible {
  giveAway(): (readonly number[])[];
}

/** False stops the search for good; 'abandon', this one: another begins, with more that is known. */
export type ProgressListener = (
  progress: Progress,
  work: Divisible | undefined,
) => boolean | 'abandon';

export const NO_ROOM = 'no more room: what states are made of takes 2 GiB';

/** How often the clock is looked at. */
const EFFORT_A_LOOK = 4096;

/** Says when a search has to stop, and tells how far it is. */
export class Watch {
  readonly #limits: Limits;
  readonly #now: () => number;
  readonly #start: number;
  readonly #onProgress: ProgressListener;
  /** Effort when the clock was looked at last. */
  #looked = 0;
  /** Why it had to stop. */
  reason: string | undefined;

  /** now: milliseconds. */
  constructor(limits: Limits, now: () => number, onProgress: ProgressListener) {
    this.#limits = limits;
    this.#now = now;
    this.#start = now();
    this.#onProgress = onProgress;
  }

  /** Without limits: only whoever listens can stop it, and want of room. */
  unlimited(): Watch {
    return new Watch(NO_LIMITS, this.#now, this.#onProgress);
  }

  get seconds(): number {
    return (this.#now() - this.#start) / 1000;
  }

  get depth(): number {
    return this.#limits.depth;
  }

  /**
   * True when the search has to stop. effort: of this search so far, in transitions that are looked up. work: what it
   * can give away, if it can.
   */
  mustStop(states: number, effort: number, progress: () => Measured, work?: Divisible): boolean {
    if (this.reason !== undefined) return true;
    if (states >= this.#limits.maxStates) {
      this.reason = `--max-states ${this.#limits.maxStates} reached`;
      return true;
    }
    if (Math.abs(effort - this.#looked) < EFFORT_A_LOOK) return false;
    this.#looked = effort;
    const { isNearlyFull, ...measured } = progress();
    const now = { ...measured, seconds: this.seconds };
    if (now.seconds >= this.#limits.maxSeconds) {
      this.reason = `--max-seconds ${this.#limits.maxSeconds} reached`;
    } else if (now.memory >= this.#limits.maxMemory) {
      this.reason = `--max-memory reached: ${Math.ceil(now.memory / 2 ** 20)} MiB in use`;
    } else if (isNearlyFull) {
      this.reason = NO_ROOM;
    }
    const answer = this.#onProgress(now, work);
    if (answer === false) this.reason ??= 'interrupted';
    return this.reason !== undefined || answer === 'abandon';
  }
}
