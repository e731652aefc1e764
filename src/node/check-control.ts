// What the threads of a check tell each other without messages: to stop, that somebody has nothing to do,
// and how far everybody is.

import type { Progress } from '../check/limits.js';

const STOP = 0;
const REQUESTS = 1;
const ABANDON = 2;
const FIELDS = ['states', 'transitions', 'queue', 'depth', 'memory', 'done'] as const;

export class Control {
  readonly buffers: { readonly flags: SharedArrayBuffer; readonly counters: SharedArrayBuffer };
  readonly #flags: Int32Array;
  readonly #counters: Float64Array;

  constructor(buffers: Control['buffers']) {
    this.buffers = buffers;
    this.#flags = new Int32Array(buffers.flags);
    this.#counters = new Float64Array(buffers.counters);
  }

  static create(workers: number): Control {
    return new Control({
      flags: new SharedArrayBuffer(12),
      counters: new SharedArrayBuffer(workers * FIELDS.length * 8),
    });
  }

  get mustStop(): boolean {
    return Atomics.load(this.#flags, STOP) !== 0;
  }

  stop(): void {
    Atomics.store(this.#flags, STOP, 1);
  }

  /** The present search is for nothing. */
  get isAbandoned(): boolean {
    return Atomics.load(this.#flags, ABANDON) !== 0;
  }

  set isAbandoned(value: boolean) {
    Atomics.store(this.#flags, ABANDON, value ? 1 : 0);
  }

  /** Somebody has nothing to do. */
  request(): void {
    Atomics.add(this.#flags, REQUESTS, 1);
  }

  /** True for one search for each request. */
  takeRequest(): boolean {
    const requests = Atomics.load(this.#flags, REQUESTS);
    if (requests <= 0) return false;
    return Atomics.compareExchange(this.#flags, REQUESTS, requests, requests - 1) === requests;
  }

  forgetRequests(): void {
    Atomics.store(this.#flags, REQUESTS, 0);
  }

  report(worker: number, progress: Progress): void {
    FIELDS.forEach((field, index) => {
      this.#counters[worker * FIELDS.length + index] = progress[field];
    });
  }

  /** Of all workers together. */
  progress(seconds: number): Progress {
    const sums = FIELDS.map((_, index) => {
      let sum = 0;
      for (let at = index; at < this.#counters.length; at += FIELDS.length) {
        sum += this.#counters[at] as number;
      }
      return sum;
    });
    const [states = 0, transitions = 0, queue = 0, , memory = 0] = sums;
    const depths = this.#field('depth');
    const done = this.#field('done');
    return {
      states,
      transitions,
      queue,
      depth: Math.max(...depths),
      memory,
      done: Math.max(...done),
      seconds,
    };
  }

  #field(name: (typeof FIELDS)[number]): number[] {
    const index = FIELDS.indexOf(name);
    const count = this.#counters.length / FIELDS.length;
    return Array.from(
      { length: count },
      (_, worker) => this.#counters[worker * FIELDS.length + index] as number,
    );
  }
}
