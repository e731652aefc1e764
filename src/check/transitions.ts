// The transition system: states, and where an action leads from each. What a step does depends on the
// thread, on what all threads share, on the words it reads and seldom on another thread. So every
// different step is executed once, by the executor, and looked up from then on: a decision tree over
// the words that are read, from the thread and its action down to a leaf that says what becomes of all.
//
//   action, shared, thread ──► [word at 0x80?] ─ 3 ─► [word at 0x40?] ─ 7 ─► leaf
//
// Where a step goes on to a system call, what it does from there on depends on the kernel's services too.

import { Sysno } from '../abi/syscall.js';
import { TraceEvent } from '../kernel/trace.js';
import { type Access } from './accesses.js';
import { type Action, cpuOf, isPark, isRun, tidOf } from './action.js';
import { type Dependence, LIVES, POINTS, wordsOfCall, wordsTouchedBy } from './dependence.js';
import type { Executor, Step, Terminal } from './executor.js';
import { enlarged, Interner } from './interner.js';
import { firstWord, WORD_BYTES, wordsEnd } from './memory-words.js';
import { CONTENT, SERVICES, SHARED, THREADS } from './state.js';
import type { StateParts } from './state-parts.js';
import type { StepEvent } from './step-log.js';
import { Triples } from './triples.js';

export type { Terminal } from './executor.js';

/** A word that a step accesses. */
export interface WordAccess {
  readonly address: number;
  readonly isStore: boolean;
  /** The thread that does it, and whether its handler does; the kernel when it switches it: 0. */
  readonly agent: number;
  /** It comes after the start of a thread in the same step; or whoever has ended is in its way too. */
  readonly isAfterStart: boolean;
}

/** What becomes of a state. */
export interface Leaf {
  readonly shared: number;
  /** -1: as they were, and it has not looked at them. */
  readonly services: number;
  /** Pairs: index in the vector, the thread that is there now. */
  readonly changes: readonly number[];
  /** Pairs: address, word. */
  readonly stores: readonly number[];
  /** All of memory, where it is not known what was stored; otherwise -1. */
  readonly content: number;
  /** How many threads it starts. */
  readonly started: number;
  /** How many points the thread has come to. */
  readonly points: number;
  /** Words that it has used before it ran on, as nobody else uses them. */
  readonly ownWords: ReadonlySet<number>;
  /**
   * The thread waits for others to end, and has done nothing else that others could notice but by `accesses`; or
   * it has ended, and done nothing else.
   */
  readonly isQuietEnd: boolean;
  readonly accesses: readonly WordAccess[];
  readonly events: readonly StepEvent[];
  readonly terminal: Terminal | undefined;
  /** A section has been left by a store: the thread was not sent back, and has not given up. */
  readonly commits: boolean;
  /** Addresses of the words that it depends on, in order. */
  readonly reads: readonly number[];
  /** The other threads that it depends on. */
  readonly dependence: Dependence;
  /** Writer: Space. The thread may come to a quiet end in its next step. */
  mayEnd: boolean;
  // Writer: Locality.
  notedBefore: number;
  notedAfter: number;
  // Writer: Symmetry.
  /** What the same step comes to for threads that are in its threads' places, and itself. */
  orbit: readonly Leaf[];
  /** Of how many threads; 0: not known. */
  orbitThreads: number;
  // Writer: Space.
  /** While there are no more threads, there is nothing new in passing it. */
  passedBy: number;
  /** It has been passed. */
  isCovered: boolean;
}

/** Words that a step reads, first to last, and by which of its accesses. */
interface Reads {
  readonly words: number[];
  readonly at: number[];
}

/** What a thread does that nobody else is in the way of. */
const QUIET_EVENTS: ReadonlySet<TraceEvent> = new Set([
  TraceEvent.Run,
  TraceEvent.Interrupt,
  TraceEvent.SwitchOut,
  TraceEvent.Migrate,
  TraceEvent.Syscall,
  TraceEvent.Exit,
]);

const UNKNOWN = 0;
const READ = 1;
const LEAF = 2;
/** Like a word that is read: another thread, all of them, all of memory, or the kernel's services. */
const THREAD = 3;
const ALL_THREADS = 4;
const ALL_MEMORY = 5;
const ALL_SERVICES = 6;
/** What is known from here on was found by what is no longer so: value is the node that it begins at anew. */
const MOVED = 7;

const NO_THREAD = -1;
/** In the place of a thread: the node that a root has moved to. */
const NEW_ROOT = -2;

class TransitionPanic extends Error {
  override readonly name = 'TransitionPanic';
}

export class Transitions {
  readonly executor: Executor;
  readonly #parts: StateParts;
  /** Action, shared, thread; or the node above, the value that leads to it, NO_THREAD. */
  readonly #nodes = new Triples();
  readonly #tuples = new Interner();
  // Of nodes that have no room here yet, nothing is known.
  #kinds = new Uint8Array(1024);
  /** The address to read, or the index of a leaf. */
  #values = new Int32Array(1024);
  readonly #leaves: Leaf[] = [];
  /** By leaf: the root it is under. */
  readonly #roots: number[] = [];

  constructor(executor: Executor) {
    this.executor = executor;
    this.#parts = executor.parts;
  }

  /** Bytes it takes, roughly. */
  get bytes(): number {
    const leaves = this.#leaves.length * 1000;
    const { memory } = this.executor;
    return this.#tuples.bytes + this.#nodes.bytes + memory.bytes + this.#parts.bytes + leaves;
  }

  /** Different steps so far. */
  get size(): number {
    return this.#leaves.length;
  }

  initial(): Int32Array {
    const { shared, services, content, threads } = this.executor.initial();
    return Int32Array.from([shared, services, content, ...threads]);
  }

  /** The leaf for `action` in the state states[from .. from + length). */
  leaf(states: Int32Array, from: number, length: number, action: Action): Leaf {
    const { memory } = this.executor;
    const content = states[from + CONTENT] as number;
    let node = this.#root(states, from, action);
    for (;;) {
      const value = this.#values[node] as number;
      switch (this.#kinds[node]) {
        case LEAF:
          return this.#leaves[value] as Leaf;
        case READ:
          node = this.#child(node, memory.read(content, value >>> 0));
          break;
        case THREAD:
          node = this.#child(node, threadAt(states, from, length, value));
          break;
        case ALL_THREADS:
          node = this.#child(node, this.#tuples.intern(states, from + THREADS, length - THREADS));
          break;
        case ALL_MEMORY:
          node = this.#child(node, content);
          break;
        case ALL_SERVICES:
          node = this.#child(node, states[from + SERVICES] as number);
          break;
        case MOVED:
          node = value;
          break;
        default:
          this.#execute(states.slice(from, from + length), action);
          node = this.#root(states, from, action);
      }
    }
  }

  /** Threads do not run on any more after they have used one of these words: such steps are found anew. */
  forget(words: ReadonlySet<number>): void {
    if (words.size === 0) return;
    for (const [index, leaf] of this.#leaves.entries()) {
      const root = this.#roots[index] as number;
      if (this.#kinds[root] === MOVED || !intersects(leaf.ownWords, words)) continue;
      const moved = this.#nodes.numberOf(root, 0, NEW_ROOT);
      this.#kinds[root] = MOVED;
      this.#values[root] = moved;
    }
  }

  /** The state after a leaf, into `to`, which has room for it. Returns its length. */
  apply(leaf: Leaf, states: Int32Array, from: number, length: number, to: Int32Array): number {
    const { changes } = leaf;
    for (let index = THREADS; index < length; index++) to[index] = states[from + index] as number;
    to[SHARED] = leaf.shared;
    to[SERVICES] = leaf.services < 0 ? (states[from + SERVICES] as number) : leaf.services;
    to[CONTENT] = this.contentAfter(leaf, states[from + CONTENT] as number);
    for (let index = 0; index < changes.length; index += 2) {
      to[changes[index] as number] = changes[index + 1] as number;
    }
    return length + leaf.started;
  }

  /** What is in memory after a leaf. */
  contentAfter({ content, stores }: Leaf, before: number): number {
    if (content >= 0) return content;
    if (stores.length === 0) return before;
    return this.executor.memory.writeAll(before, stores);
  }

  #root(states: Int32Array, from: number, action: Action): number {
    const shared = states[from + SHARED] as number;
    const tid = this.#subject(shared, action);
    const thread = tid === 0 ? 0 : (states[from + THREADS + tid - 1] as number);
    return this.#nodes.numberOf(action, shared, thread);
  }

  /** The thread that the action is about, or 0. */
  #subject(shared: number, action: Action): number {
    const tid = tidOf(action);
    if (tid !== 0 || !isPark(action)) return tid;
    return this.#parts.sharedInfo(shared).current[cpuOf(action)] ?? 0;
  }

  #child(node: number, value: number): number {
    return this.#nodes.numberOf(node, value, NO_THREAD);
  }

  /** Do the step, and put what came of it into the tree. */
  #execute(state: Int32Array, action: Action): void {
    const step = this.executor.step(state, action);
    if (step.dependence !== 'all') this.#requireUntouched(state, action, step, step.dependence);
    let root = this.#root(state, 0, action);
    while (this.#kinds[root] === MOVED) root = this.#values[root] as number;
    const reads = readsOf(step.accesses ?? [], this.#sizeBytes);
    this.#extend(this.#extendByStep(root, state, step, reads), LEAF, this.#leaves.length);
    this.#leaves.push(this.#toLeaf(state, action, step, reads));
    this.#roots.push(root);
  }

  /** The words that the step reads, and between them the services and the threads that it looks at. */
  #extendByStep(root: number, state: Int32Array, step: Step, reads: Reads): number {
    const { ownAccesses, questions } = step;
    let node = step.accesses === undefined ? this.#extendByContent(root, state) : root;
    let read = 0;
    const readUpTo = (end: number): void => {
      const from = read;
      while (read < reads.at.length && (reads.at[read] as number) < end) read++;
      node = this.#extendByWords(node, state, reads.words, from, read);
    };
    if (ownAccesses !== undefined) {
      readUpTo(ownAccesses);
      node = this.#child(this.#extend(node, ALL_SERVICES, 0), state[SERVICES] as number);
    }
    for (const { at, dependence } of questions) {
      readUpTo(at);
      node = this.#extendByThreads(node, state, dependence);
    }
    readUpTo(Number.POSITIVE_INFINITY);
    return node;
  }

  #extendByThreads(from: number, state: Int32Array, dependence: Dependence): number {
    if (dependence === 'all') {
      this.#extend(from, ALL_THREADS, 0);
      return this.#child(from, this.#tuples.intern(state, THREADS, state.length - THREADS));
    }
    let node = from;
    for (const tid of dependence) {
      this.#extend(node, THREAD, tid);
      node = this.#child(node, threadAt(state, 0, state.length, tid));
    }
    return node;
  }

  /** All of memory, behind what steps read that are the same up to there. */
  #extendByContent(root: number, state: Int32Array): number {
    const content = state[CONTENT] as number;
    let node = root;
    while (this.#kinds[node] === READ) {
      const address = (this.#values[node] as number) >>> 0;
      node = this.#child(node, this.executor.memory.read(content, address));
    }
    return this.#child(this.#extend(node, ALL_MEMORY, 0), content);
  }

  /** By words[from .. to). */
  #extendByWords(
    above: number,
    state: Int32Array,
    words: readonly number[],
    from: number,
    to: number,
  ): number {
    const content = state[CONTENT] as number;
    let node = above;
    for (let index = from; index < to; index++) {
      const address = words[index] as number;
      // A step that grows the memory may be the same up to here: nobody knows what it has read.
      if (this.#kinds[node] === ALL_MEMORY) node = this.#child(node, content);
      this.#extend(node, READ, address | 0);
      node = this.#child(node, this.executor.memory.read(content, address));
    }
    return this.#kinds[node] === ALL_MEMORY ? this.#child(node, content) : node;
  }

  /** A step must not change threads whose state is said to have no part in it. */
  #requireUntouched(
    state: Int32Array,
    action: Action,
    step: Step,
    others: readonly number[],
  ): void {
    const subject = this.#subject(state[SHARED] as number, action);
    for (let tid = 1; THREADS + tid <= state.length; tid++) {
      const before = state[THREADS + tid - 1] as number;
      if (step.threads[tid - 1] === before || tid === subject || others.includes(tid)) continue;
      if (!this.#parts.threadInfo(before).isDoomed) {
        throw new TransitionPanic(`a step changed thread ${tid}, which has no part in it`);
      }
      this.executor.hasForeignRestarts = true;
    }
  }

  get #sizeBytes(): number {
    return this.executor.booted.guest.memory.sizeBytes;
  }

  /** The node is of this kind from now on; it must not have been another. */
  #extend(node: number, kind: number, value: number): number {
    while (node >= this.#kinds.length) this.#enlarge();
    if (this.#kinds[node] === UNKNOWN) {
      this.#kinds[node] = kind;
      this.#values[node] = value;
    } else if (this.#kinds[node] !== kind || this.#values[node] !== value) {
      throw new TransitionPanic('the same step did two different things');
    }
    return node;
  }

  #enlarge(): void {
    const kinds = new Uint8Array(this.#kinds.length * 2);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    this.#values = enlarged(this.#values);
  }

  #toLeaf(state: Int32Array, action: Action, step: Step, reads: Reads): Leaf {
    const changes: number[] = [];
    for (let index = 0; index < step.threads.length; index++) {
      const thread = step.threads[index] as number;
      if (state[THREADS + index] !== thread) changes.push(THREADS + index, thread);
    }
    const { accesses, events, terminal } = step;
    return {
      shared: step.shared,
      services: step.ownAccesses === undefined ? -1 : step.services,
      changes,
      stores: step.stores ?? [],
      content: accesses === undefined ? step.content : -1,
      started: THREADS + step.threads.length - state.length,
      points: step.points,
      ownWords: new Set(step.ownWords),
      isQuietEnd: this.#isQuietEnd(action, step),
      accesses: this.#wordAccesses(state, action, step),
      events,
      terminal,
      commits: this.#commits(state, action, step),
      reads: reads.words,
      dependence: step.dependence,
      mayEnd: true,
      notedBefore: 0,
      notedAfter: 0,
      orbit: [],
      orbitThreads: 0,
      passedBy: 0,
      isCovered: false,
    };
  }

  #wordAccesses(state: Int32Array, action: Action, step: Step): WordAccess[] {
    const { accesses, calls, accessesBeforeStart } = step;
    const hasStarted = accessesBeforeStart !== undefined;
    const tid = this.#subject(state[SHARED] as number, action);
    if (tid === 0) return [];
    const { isInHandler } = this.#parts.threadInfo(state[THREADS + tid - 1] as number);
    const agent = tid * 2 + (isInHandler ? 1 : 0);
    // How much memory there is shows at every point.
    const grown = { address: POINTS, isStore: true, agent, isAfterStart: false };
    if (accesses === undefined) return [grown];
    // Behind the return from a handler it is the thread again.
    const hasReturned = isInHandler && calls.some(({ sysno }) => sysno === Sysno.RtSigreturn);
    const accessed: WordAccess[] = [];
    const sizeBytes = this.#sizeBytes;
    for (let at = 0; at < accesses.length; at++) {
      const { address, bytes, isLoad, isStore, isResume, isChange } = accesses[at] as Access;
      // What the kernel writes again as it was is nothing that switching the thread has done.
      if (isResume && !isLoad && !isChange) continue;
      const end = wordsEnd(address, bytes, sizeBytes);
      const isAfterStart = hasStarted && at >= accessesBeforeStart;
      for (let word = firstWord(address); word < end; word += WORD_BYTES) {
        accessed.push({ address: word, isStore, agent: isResume ? 0 : agent, isAfterStart });
        if (hasReturned) accessed.push({ address: word, isStore, agent: tid * 2, isAfterStart });
      }
    }
    const { hasPercpuBase } = this.#parts.sharedInfo(state[SHARED] as number);
    for (const call of calls) {
      const own = wordsOfCall(call, tid, false) ?? [];
      for (const address of [...own, ...wordsTouchedBy(call, tid, hasPercpuBase)]) {
        const isAfterStart = hasStarted || address === LIVES;
        accessed.push({ address, isStore: true, agent, isAfterStart });
      }
    }
    if (step.ownWords.length > 0) {
      accessed.push({ address: POINTS, isStore: false, agent, isAfterStart: true });
    }
    const hasEnded = step.events.some(({ kind, b }) => kind === TraceEvent.Exit && b === 0);
    if (hasEnded || calls.some(({ sysno }) => sysno === Sysno.Join)) {
      // The last of all to end decides how the process does.
      const isStore = step.terminal !== undefined;
      accessed.push({ address: LIVES, isStore, agent, isAfterStart: true });
    }
    return accessed;
  }

  #isQuietEnd(action: Action, step: Step): boolean {
    const { accesses, calls, events, terminal } = step;
    if (!isRun(action) || accesses === undefined || terminal !== undefined) return false;
    const tid = tidOf(action);
    const { isRunnable, isDead } = this.#parts.threadInfo(step.threads[tid - 1] as number);
    if (isRunnable) return false;
    const others = calls.filter(({ sysno }) => sysno !== Sysno.Exit && sysno !== Sysno.Join);
    // Who is alone when it has ended has nobody to look out for.
    const hasDoneMore = others.length > 0 || accesses.some(({ isResume }) => !isResume);
    if (isDead && hasDoneMore) return false;
    return (
      events.every(({ kind }) => QUIET_EVENTS.has(kind)) &&
      others.every((call) => wordsOfCall(call, tid, false) !== undefined)
    );
  }

  #commits(
    state: Int32Array,
    action: Action,
    { threads, events, accesses, terminal }: Step,
  ): boolean {
    const tid = tidOf(action);
    if (!isRun(action) || terminal !== undefined) return false;
    const before = this.#parts.threadInfo(state[THREADS + tid - 1] as number);
    const after = this.#parts.threadInfo(threads[tid - 1] as number);
    if (!before.isInSection || after.isInSection) return false;
    if (events.some(({ kind }) => kind === TraceEvent.Restart)) return false;
    // The last thing a section does that commits is a store; one that gives up has only looked.
    return accesses?.some(({ isStore, isResume }) => isStore && !isResume) ?? true;
  }
}

/** The thread's part of a state, 0 when there is none. */
function threadAt(states: Int32Array, from: number, length: number, tid: number): number {
  return THREADS + tid - 1 < length ? (states[from + THREADS + tid - 1] as number) : 0;
}

/**
 * The words whose content a step depends on: what is loaded, and what is stored in part, unless the step has
 * stored all of the word before.
 */
function readsOf(accesses: readonly Access[], sizeBytes: number): Reads {
  const known = new Set<number>();
  const reads: Reads = { words: [], at: [] };
  for (let at = 0; at < accesses.length; at++) {
    const { address, bytes, isLoad } = accesses[at] as Access;
    const end = wordsEnd(address, bytes, sizeBytes);
    for (let word = firstWord(address); word < end; word += WORD_BYTES) {
      if (known.has(word)) continue;
      known.add(word);
      const isWhole = word >= address && word + 4 <= address + bytes;
      if (!isLoad && isWhole) continue;
      reads.words.push(word);
      reads.at.push(at);
    }
  }
  return reads;
}

function intersects(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  for (const word of others) if (some.has(word)) return true;
  return false;
}
