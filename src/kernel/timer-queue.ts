// The waits that end at a time: a binary heap over (deadline, order of arrival).
//
// Invariant: a wait is in the queue when its timerSlot is its place there, and in none when -1.

import { panic } from './panic.js';

export interface Timed {
  readonly deadline: number;
  // What the queue keeps in the waits it holds. Writer: the queue only.
  timerSlot: number;
  timerSequence: number;
}

export class TimerQueue<T extends Timed> {
  readonly #heap: T[] = [];
  #sequence = 0;

  get first(): T | undefined {
    return this.#heap[0];
  }

  /** All of them, the first first. */
  inOrder(): T[] {
    return [...this.#heap].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  clear(): void {
    for (const wait of this.#heap) wait.timerSlot = -1;
    this.#heap.length = 0;
  }

  add(wait: T): void {
    if (wait.timerSlot >= 0) panic('TimerQueue.add', 'a wait that is queued already');
    wait.timerSequence = this.#sequence++;
    this.#heap.push(wait);
    this.#place(wait, this.#heap.length - 1);
    this.#rise(wait);
  }

  /** Take the wait out, if it is in. */
  remove(wait: T): void {
    const slot = wait.timerSlot;
    if (slot < 0) return;
    wait.timerSlot = -1;
    const last = this.#heap.pop() as T;
    if (last === wait) return;
    this.#place(last, slot);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(wait: T): void {
    while (wait.timerSlot > 0) {
      const parent = this.#heap[(wait.timerSlot - 1) >> 1] as T;
      if (!isBefore(wait, parent)) return;
      this.#swap(wait, parent);
    }
  }

  #sink(wait: T): void {
    for (;;) {
      const left = this.#heap[2 * wait.timerSlot + 1];
      const right = this.#heap[2 * wait.timerSlot + 2];
      const least =
        left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (least === undefined || !isBefore(least, wait)) return;
      this.#swap(least, wait);
    }
  }

  #swap(a: T, b: T): void {
    const slot = a.timerSlot;
    this.#place(a, b.timerSlot);
    this.#place(b, slot);
  }

  #place(wait: T, slot: number): void {
    this.#heap[slot] = wait;
    wait.timerSlot = slot;
  }
}

function isBefore(a: Timed, b: Timed): boolean {
  return a.deadline === b.deadline ? a.timerSequence < b.timerSequence : a.deadline < b.deadline;
}
