// A virtual CPU: the thread it runs and the queue of those that wait for it. All operations are O(1).

import { panic } from './panic.js';
import type { Thread } from './thread.js';

export class Cpu {
  readonly queue: RunQueue = new RunQueue();
  /** The thread whose registers this CPU holds; undefined when idle. Writer: kernel only. */
  current: Thread | undefined;

  constructor(readonly id: number) {}
}

/** A ring of runnable threads, first in first out, from which any one can be taken. */
export class RunQueue {
  #slots: (Thread | undefined)[] = Array.from({ length: 8 });
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The thread `index` places behind the head. */
  at(index: number): Thread {
    const thread = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
    return thread ?? panic('RunQueue.at', `index ${index} of ${this.#length}`);
  }

  push(thread: Thread): void {
    if (thread.queue !== undefined)
      panic('RunQueue.push', `thread ${thread.tid} is queued already`);
    if (this.#length === this.#slots.length) this.#grow();
    this.#place(thread, (this.#head + this.#length++) & (this.#slots.length - 1));
    thread.queue = this;
  }

  /** Take out `thread`. The head moves into its place, so the order behind the head is kept. */
  remove(thread: Thread): void {
    if (thread.queue !== this)
      panic('RunQueue.remove', `thread ${thread.tid} is not in this queue`);
    const head = this.at(0);
    if (head !== thread) this.#place(head, thread.queueSlot);
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    thread.queue = undefined;
  }

  #place(thread: Thread, slot: number): void {
    this.#slots[slot] = thread;
    thread.queueSlot = slot;
  }

  #grow(): void {
    const threads = Array.from({ length: this.#length }, (_, index) => this.at(index));
    this.#slots = Array.from({ length: this.#slots.length * 2 });
    this.#head = 0;
    threads.forEach((thread, slot) => this.#place(thread, slot));
  }
}
