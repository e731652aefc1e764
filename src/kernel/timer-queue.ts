// The threads whose wait ends at a time: a binary heap over (deadline, order of arrival).
//
// Invariant: a thread is in the queue when its timerSlot is its place there, and in none when -1.

import { panic } from './panic.js';
import type { Wait } from './wait.js';

/** What the queue keeps in the threads it holds. Writer: the queue only. */
export interface Timed {
  readonly wait: Wait | undefined;
  timerSlot: number;
  timerSequence: number;
}

export class TimerQueue<T extends Timed> {
  readonly #heap: T[] = [];
  #sequence = 0;

  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Preconditions: the thread waits, with a deadline. */
  add(thread: T): void {
    if (thread.timerSlot >= 0) panic('TimerQueue.add', 'a thread that is queued already');
    thread.timerSequence = this.#sequence++;
    this.#heap.push(thread);
    this.#place(thread, this.#heap.length - 1);
    this.#rise(thread);
  }

  /** Take the thread out, if it is in. */
  remove(thread: T): void {
    const slot = thread.timerSlot;
    if (slot < 0) return;
    thread.timerSlot = -1;
    const last = this.#heap.pop() as T;
    if (last === thread) return;
    this.#place(last, slot);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(thread: T): void {
    while (thread.timerSlot > 0) {
      const parent = this.#heap[(thread.timerSlot - 1) >> 1] as T;
      if (!isBefore(thread, parent)) return;
      this.#swap(thread, parent);
    }
  }

  #sink(thread: T): void {
    for (;;) {
      const left = this.#heap[2 * thread.timerSlot + 1];
      const right = this.#heap[2 * thread.timerSlot + 2];
      const least =
        left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (least === undefined || !isBefore(least, thread)) return;
      this.#swap(least, thread);
    }
  }

  #swap(a: T, b: T): void {
    const slot = a.timerSlot;
    this.#place(a, b.timerSlot);
    this.#place(b, slot);
  }

  #place(thread: T, slot: number): void {
    this.#heap[slot] = thread;
    thread.timerSlot = slot;
  }
}

function isBefore(a: Timed, b: Timed): boolean {
  const first = deadlineOf(a);
  const second = deadlineOf(b);
  return first === second ? a.timerSequence < b.timerSequence : first < second;
}

export function deadlineOf(thread: Timed): number {
  return thread.wait?.deadline ?? panic('TimerQueue', 'a thread that does not wait');
}
