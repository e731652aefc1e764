// What a state is made of besides the content of memory: threads, what they share, and the kernel's services.
// Each different one is kept once and known by a number, together with what the search needs to know of it and
// with what becomes of it when threads change places.

import type { WordWriter } from '../kernel/words.js';
import { Interner } from './interner.js';
import type { SearchCore } from './search-core.js';

/** What the search needs to know of a thread in some state. */
export interface ThreadInfo {
  readonly isRunnable: boolean;
  readonly isDead: boolean;
  /** The CPU it has, or had last. */
  readonly cpu: number;
  readonly affinity: readonly number[];
  /** The point it is at. */
  readonly point: number;
  readonly isInSection: boolean;
  /** It has lost its CPU inside a section: all it can do is begin again. */
  readonly isDoomed: boolean;
  /** It runs a signal handler. */
  readonly isInHandler: boolean;
  readonly blockedSignals: bigint;
  /** Signals it has been given so far. */
  readonly signalsTaken: number;
  /** Address of its control block, if the guest library has made it. */
  readonly threadPointer: number;
}

/** What the search needs to know of what threads share. */
export interface SharedInfo {
  /** Index n is the thread on CPU n, 0 for none. */
  readonly current: readonly number[];
  readonly onlineCpus: readonly number[];
  /** Signals with a handler. */
  readonly handled: readonly number[];
  readonly hasTimers: boolean;
  /** A register tells where a thread is: what reads it is no access that could be seen. */
  readonly hasPercpuBase: boolean;
}

/** Where in a tuple of words there are numbers of threads, and what may be addresses. */
interface Marks {
  readonly threads: readonly number[];
  readonly addresses: readonly number[];
}

/** What becomes of these when threads change places. */
export interface Renaming {
  thread(tid: number): number;
  address(word: number): number;
}

export class StateParts {
  readonly #core: SearchCore;
  readonly threads: Interner;
  /** Tuples: the number of what is shared besides, then who is on which CPU. */
  readonly shared: Interner;
  readonly services: Interner;
  /** What threads share besides who is on which CPU. */
  readonly besides: Interner;
  readonly #threadInfos: (ThreadInfo | undefined)[] = [];
  readonly #threadMarks: (Marks | undefined)[] = [];
  readonly #sharedInfos: (SharedInfo | undefined)[] = [];
  readonly #servicesMarks: (Marks | undefined)[] = [];
  readonly #hasQueues: boolean[] = [];

  constructor(core: SearchCore) {
    this.#core = core;
    this.threads = new Interner(core, core.functions.threads());
    this.shared = new Interner(core, core.functions.shared());
    this.services = new Interner(core, core.functions.services());
    this.besides = new Interner(core);
  }

  threadInfo(thread: number): ThreadInfo {
    return this.#threadInfos[thread] as ThreadInfo;
  }

  sharedInfo(shared: number): SharedInfo {
    return this.#sharedInfos[shared] as SharedInfo;
  }

  /** Somebody waits for a futex or a time. */
  hasQueues(services: number): boolean {
    return this.#hasQueues[services] as boolean;
  }

  /** The number of what threads share besides who is on which CPU. */
  besidesOf(shared: number): number {
    return this.shared.at(shared, 0);
  }

  /** describe: asked when the thread is a new one. */
  internThread(words: WordWriter, describe: () => ThreadInfo): number {
    const id = this.threads.intern(words.written);
    if (this.#threadInfos[id] !== undefined) return id;
    this.#threadInfos[id] = describe();
    this.#threadMarks[id] = marksOf(words);
    return id;
  }

  /** words: the number of what is shared besides, then who is on which CPU. describe: as above. */
  internShared(words: WordWriter, describe: () => SharedInfo): number {
    const id = this.#internShared(words.written);
    this.#sharedInfos[id] ??= describe();
    return id;
  }

  internServices(words: WordWriter, hasQueues: boolean): number {
    const id = this.services.intern(words.written);
    if (this.#servicesMarks[id] === undefined) this.#keepServices(id, marksOf(words), hasQueues);
    return id;
  }

  /** The same thread, known by something else: that is what its fingerprint, low and high, is of. */
  internThreadAs(thread: number, low: number, high: number): number {
    const words = this.threads.tuple(thread);
    const id = this.threads.internAs(words, low, high);
    this.#threadInfos[id] = this.threadInfo(thread);
    this.#threadMarks[id] = this.#threadMarks[thread] as Marks;
    return id;
  }

  /** The words of a thread, when threads have changed places. */
  renamedWords(thread: number, renaming: Renaming): Int32Array {
    return renamed(this.threads.tuple(thread), this.#threadMarks[thread] as Marks, renaming);
  }

  /** The thread when threads have changed places. One that is doomed may stand for others: `representative`. */
  renamedThread(thread: number, renaming: Renaming): number {
    const words = this.renamedWords(thread, renaming);
    const id = this.threads.intern(words);
    if (this.#threadInfos[id] !== undefined) return id;
    this.#threadMarks[id] = this.#threadMarks[thread] as Marks;
    const info = this.threadInfo(thread);
    const threadPointer = renaming.address(info.threadPointer) >>> 0;
    this.#threadInfos[id] = { ...info, threadPointer };
    return id;
  }

  /** What threads share, when they have changed places. */
  renamedShared(shared: number, renaming: Renaming): number {
    const tuple = this.shared.tuple(shared);
    const current = this.sharedInfo(shared).current.map((tid) => renaming.thread(tid));
    tuple.set(current, 1);
    const id = this.#internShared(tuple);
    this.#sharedInfos[id] ??= { ...this.sharedInfo(shared), current };
    return id;
  }

  /** The kernel's services, when threads have changed places. */
  renamedServices(services: number, renaming: Renaming): number {
    const marks = this.#servicesMarks[services] as Marks;
    const words = renamed(this.services.tuple(services), marks, renaming);
    const id = this.services.intern(words);
    if (this.#servicesMarks[id] === undefined) {
      this.#keepServices(id, marks, this.hasQueues(services));
    }
    return id;
  }

  #keepServices(id: number, marks: Marks, hasQueues: boolean): void {
    this.#servicesMarks[id] = marks;
    this.#hasQueues[id] = hasQueues;
    if (marks.threads.length === 0) return;
    // The threads that are in queues that all share, first come first.
    const words = this.services.tuple(id);
    const queued = marks.threads.map((at) => words[at] as number);
    this.#core.give([queued.length, ...queued]);
    this.#core.functions.setQueues(id, queued.length + 1);
  }

  #internShared(words: Int32Array): number {
    this.#core.give(words);
    return this.#core.functions.internShared(this.besides.handle, words.length);
  }
}

function marksOf({ threads, addresses }: WordWriter): Marks {
  return { threads, addresses };
}

/** The words with threads in other places. */
function renamed(copy: Int32Array, { threads, addresses }: Marks, renaming: Renaming): Int32Array {
  for (let index = 0; index < threads.length; index++) {
    const at = threads[index] as number;
    copy[at] = renaming.thread(copy[at] as number);
  }
  for (let index = 0; index < addresses.length; index++) {
    const at = addresses[index] as number;
    copy[at] = renaming.address(copy[at] as number);
  }
  return copy;
}
