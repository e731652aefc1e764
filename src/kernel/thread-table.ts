// The threads of a process by their numbers, dead ones too. Numbers are given out in order and once,
// so a table is an array: every slice looks one up.

import type { Thread } from './thread.js';

export class ThreadTable {
  /** Index n is thread n; there is no thread 0. */
  readonly #threads: (Thread | undefined)[] = [undefined];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(tid: number): Thread | undefined {
    return this.#threads[tid];
  }

  set(tid: number, thread: Thread): void {
    while (this.#threads.length < tid) this.#threads.push(undefined);
    if (this.#threads[tid] === undefined) this.#size++;
    this.#threads[tid] = thread;
  }

  /** Forget the threads with numbers above `tid`. */
  truncate(tid: number): void {
    while (this.#threads.length > tid + 1) if (this.#threads.pop() !== undefined) this.#size--;
  }

  /** In the order of their numbers. */
  *values(): Generator<Thread> {
    for (const thread of this.#threads) if (thread !== undefined) yield thread;
  }
}
