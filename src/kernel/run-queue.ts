// The threads that wait for a CPU.

import { panic } from './panic.js';

/** What a queue keeps in the threads it holds. Writer: the queue only. */
export interface Queued {
  readonly tid: number;
  /** -1 in no queue. */
  queueSlot: number;
}

/** A ring of runnable threads, first in first out, from which any one can be taken. All in O(1). */
export class RunQueue<T extends Queued> {
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

  clear(): void {
    while (this.#length > 0) this.remove(this.at(0));
    this.#head = 0;
  }

  push(thread: T): void {
    if (thread.queueSlot >= 0) refuse('push', thread.tid, 'queued already');
    if (this.#length === this.#slots.length) this.#grow();
    this.#place(thread, (this.#head + this.#length++) & (this.#slots.length - 1));
  }

  /** Take out `thread`. The head moves into its place, so the order behind the head is kept. */
  remove(thread: T): void {
    const slots = this.#slots;
    const head = this.#head;
    const slot = thread.queueSlot;
    if (slots[slot] !== thread) refuse('remove', thread.tid, 'not in this queue');
    if (slot !== head) this.#place(slots[head] as T, slot);
    slots[head] = undefined;
    this.#head = (head + 1) & (slots.length - 1);
    this.#length--;
    thread.queueSlot = -1;
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
