// A virtual CPU: the thread it runs and the queue of those that wait for it.

import { RunQueue } from './run-queue.js';
import type { Thread } from './thread.js';

export class Cpu {
  readonly queue: RunQueue<Thread> = new RunQueue();
  /** The thread whose registers this CPU holds; undefined when idle. Writer: kernel only. */
  current: Thread | undefined = undefined;
  /** True when the slice of that thread ended by fuel, not by its own wish. */
  isCurrentInterrupted = false;

  constructor(readonly id: number) {}
}
