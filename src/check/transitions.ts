// The transition system: states, and where an action leads from each. What a step does depends on the
// thread, on what all threads share, on the words it reads and seldom on another thread. So every
// different step is executed once, by the executor, and looked up from then on: a decision tree over
// the words that are read, from the thread and its action down to a leaf that says what becomes of all.
//
//   action, shared, thread ──► [word at 0x80?] ─ 3 ─► [word at 0x40?] ─ 7 ─► leaf
//
// Where a step goes on to a system call, what it does from there on depends on the kernel's services too. The
// tree is in the inner part of the search, assembly/search/transitions.ts; here it grows.

import { Sysno } from '../abi/syscall.js';
import { TraceEvent } from '../kernel/trace.js';
import { type Access } from './accesses.js';
import { type Action, cpuOf, isPark, isRun, tidOf } from './action.js';
import { type Dependence, LIVES, POINTS, wordsOfCall, wordsTouchedBy } from './dependence.js';
import type { Executor, Step, Terminal } from './executor.js';
import { firstWord, WORD_BYTES, wordsEnd } from './memory-words.js';
import type { SearchCore } from './search-core.js';
import {
  ALL_MEMORY,
  ALL_SERVICES,
  ALL_THREADS,
  LEAF,
  MOVED,
  READ,
  THREAD,
  UNKNOWN,
} from './search-layout.js';
import { CONTENT, SERVICES, SHARED, THREADS } from './state.js';
import type { StateParts } from './state-parts.js';
import type { StepEvent } from './step-log.js';

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
  readonly index: number;
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

/** In the place of a thread: the node that a root has moved to. */
const NEW_ROOT = -2;

class TransitionPanic extends Error {
  override readonly name = 'TransitionPanic';
}

export class Transitions {
  readonly executor: Executor;
  readonly #parts: StateParts;
  readonly #core: SearchCore;
  readonly #leaves: Leaf[] = [];
  /** By leaf: the root it is under. */
  readonly #roots: number[] = [];

  constructor(executor: Executor) {
    this.executor = executor;
    this.#parts = executor.parts;
    this.#core = executor.core;
  }

  /** Bytes it takes, roughly. */
  get bytes(): number {
    return this.#core.bytes + this.#leaves.length * 1000;
  }

  /** Different steps so far. */
  get size(): number {
    return this.#leaves.length;
  }

  initial(): Int32Array {
    const { shared, services, content, threads } = this.executor.initial();
    return Int32Array.from([shared, services, content, ...threads]);
  }

  leafAt(index: number): Leaf {
    return this.#leaves[index] as Leaf;
  }

  /** The leaf for `action` in a state. */
  leaf(state: Int32Array, action: Action): Leaf {
    this.#core.giveState(state);
    return this.leafHere(state.length, action);
  }

  /** The same in the state that is worked on. */
  leafHere(length: number, action: Action): Leaf {
    const core = this.#core;
    const tid = tidOf(action) || this.#holder(core.words[core.stateAt + SHARED] as number, action);
    let index = core.functions.find(action, tid, length);
    if (index < 0) {
      const state = core.state(length);
      this.#execute(state, action);
      core.giveState(state);
      index = core.functions.find(action, tid, length);
    }
    return this.#leaves[index] as Leaf;
  }

  /** Threads do not run on any more after they have used one of these words: such steps are found anew. */
  forget(words: ReadonlySet<number>): void {
    if (words.size === 0) return;
    const { functions } = this.#core;
    for (const [index, leaf] of this.#leaves.entries()) {
      const root = this.#roots[index] as number;
      if (functions.kindOf(root) === MOVED || !intersects(leaf.ownWords, words)) continue;
      functions.setNode(root, MOVED, functions.root(root, 0, NEW_ROOT));
    }
  }

  /** The state after a leaf. */
  apply(leaf: Leaf, state: Int32Array): Int32Array {
    this.#core.giveState(state);
    return this.#core.state(this.applyHere(leaf, state.length));
  }

  /** The state that is worked on becomes that after a leaf. Returns its length. */
  applyHere({ index }: Leaf, length: number): number {
    return this.#core.functions.apply(index, length);
  }

  /** What is in memory after a leaf. */
  contentAfter(leaf: Leaf, before: number): number {
    return this.#core.functions.contentAfter(leaf.index, before);
  }

  #root(state: Int32Array, action: Action): number {
    const shared = state[SHARED] as number;
    const tid = this.#subject(shared, action);
    const thread = tid === 0 ? 0 : (state[THREADS + tid - 1] as number);
    return this.#core.functions.root(action, shared, thread);
  }

  /** The thread that the action is about, or 0. */
  #subject(shared: number, action: Action): number {
    return tidOf(action) || this.#holder(shared, action);
  }

  /** The thread that loses its CPU, or 0. */
  #holder(shared: number, action: Action): number {
    return isPark(action) ? (this.#parts.sharedInfo(shared).current[cpuOf(action)] ?? 0) : 0;
  }

  #child(node: number, value: number): number {
    return this.#core.functions.child(node, value);
  }

  #kindOf(node: number): number {
    return this.#core.functions.kindOf(node);
  }

  /** Do the step, and put what came of it into the tree. */
  #execute(state: Int32Array, action: Action): void {
    const step = this.executor.step(state, action);
    if (step.dependence !== 'all') this.#requireUntouched(state, action, step, step.dependence);
    let root = this.#root(state, action);
    while (this.#kindOf(root) === MOVED) root = this.#core.functions.valueOf(root);
    const reads = readsOf(step.accesses ?? [], this.#sizeBytes);
    const leaf = this.#toLeaf(state, action, step, reads);
    this.#extend(this.#extendByStep(root, state, step, reads), LEAF, leaf.index);
    this.#keep(leaf);
    this.#leaves.push(leaf);
    this.#roots.push(root);
  }

  /** What becomes of states, as assembly/search/transitions.ts has it. */
  #keep({ index, shared, services, content, started, changes, stores }: Leaf): void {
    const { length: changed } = changes;
    const { length: stored } = stores;
    const words = [shared, services, content, started, changed, stored, ...changes, ...stores];
    this.#core.give(words);
    this.#core.functions.setLeaf(index);
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
      this.#core.giveState(state);
      return this.#child(from, this.#core.functions.threadsOf(state.length));
    }
    let node = from;
    for (const tid of dependence) {
      this.#extend(node, THREAD, tid);
      node = this.#child(node, threadAt(state, tid));
    }
    return node;
  }

  /** All of memory, behind what steps read that are the same up to there. */
  #extendByContent(root: number, state: Int32Array): number {
    const content = state[CONTENT] as number;
    let node = root;
    while (this.#kindOf(node) === READ) {
      const address = this.#core.functions.valueOf(node);
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
      if (this.#kindOf(node) === ALL_MEMORY) node = this.#child(node, content);
      this.#extend(node, READ, address | 0);
      node = this.#child(node, this.executor.memory.read(content, address));
    }
    return this.#kindOf(node) === ALL_MEMORY ? this.#child(node, content) : node;
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
    const { functions } = this.#core;
    const known = functions.kindOf(node);
    if (known === UNKNOWN) functions.setNode(node, kind, value);
    else if (known !== kind || functions.valueOf(node) !== value) {
      throw new TransitionPanic('the same step did two different things');
    }
    return node;
  }

  #toLeaf(state: Int32Array, action: Action, step: Step, reads: Reads): Leaf {
    const changes: number[] = [];
    for (let index = 0; index < step.threads.length; index++) {
      const thread = step.threads[index] as number;
      if (state[THREADS + index] !== thread) changes.push(THREADS + index, thread);
    }
    const { accesses, events, terminal } = step;
    return {
      index: this.#leaves.length,
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
function threadAt(state: Int32Array, tid: number): number {
  return state[THREADS + tid - 1] ?? 0;
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
