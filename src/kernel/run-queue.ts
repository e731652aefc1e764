// The threads that wait for a CPU.

import { panic } from './panic.js';

/** What a queue keeps in the threads it holds. Writer: the queue only. */
export interface Queued<T extends Queued<T>> {
  readonly tid: number;
  queue: RunQueue<T> | undefined;
  queueSlot: number;
}

/** A ring of runnable threads, first in first out, from which any one can be taken. All in O(1). */
export class RunQueue<T extends Queued<T>> {
  #slots: (T | undefined)[] = Array.from({ length: 8 });
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The thread `index` places behind the head. */
  at(index: number): T {
    const slots = this.#slots;
    return slots[(this.#head + index) & (slots.length - 1)] ?? noThreadAt(index, this.#length);
  }

  push(thread: T): void {
    if (thread.queue !== undefined) refuse('push', thread.tid, 'queued already');
    if (this.#length === this.#slots.length) this.#grow();
    this.#place(thread, (this.#head + this.#length++) & (this.#slots.length - 1));
    thread.queue = this;
  }

  /** Take out `thread`. The head moves into its place, so the order behind the head is kept. */
  remove(thread: T): void {
    if (thread.queue !== this) refuse('remove', thread.tid, 'not in this queue');
    const slots = this.#slots;
    const head = this.#head;
    if (thread.queueSlot !== head) this.#place(slots[head] as T, thread.queueSlot);
    slots[head] = undefined;
    this.#head = (head + 1) & (slots.length - 1);
    this.#length--;
    thread.queue = undefined;
  }

  #place(thread: T, slot: number): void {
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

function refuse(operation: string, tid: number, state: string): never {
  panic(`RunQueue.${operation}`, `thread ${tid} is ${state}`);
}

function noThreadAt(index: number, length: number): never {
  panic('RunQueue.at', `index ${index} of ${length}`);
}
