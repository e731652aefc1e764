// The space that is searched: what can happen in a state, and the state that comes of it.

import {
  type Action,
  cpuOf,
  isRun,
  parkAction,
  runAction,
  signalAction,
  TIME_ACTION,
  tidOf,
} from './action.js';
import { POINTS } from './dependence.js';
import { Locality } from './locality.js';
import type { SearchCore } from './search-core.js';
import { OUTCOME_HIGH, OUTCOME_IS_SETTLED, OUTCOME_LENGTH, OUTCOME_LOW } from './search-layout.js';
import { SHARED, THREADS } from './state.js';
import type { StateParts } from './state-parts.js';
import type { Symmetry } from './symmetry.js';
import type { Leaf, Transitions } from './transitions.js';

export interface SpaceOptions {
  /** Signals that each thread may get. */
  readonly signals: number;
  /** Do not stop before steps that only the thread itself can notice. */
  readonly reduceLocal: boolean;
  /** States in which threads that are alike have changed places are one. */
  readonly symmetry: Symmetry | undefined;
}

/** Where an action has led: what is said of the state that is worked on. The object is used again. */
export interface Successor {
  /** Of the state. */
  length: number;
  leaf: Leaf;
  /** How many points the thread has come to. */
  points: number;
}

/** To execute a step is as much as to look up so many, or more. */
const EXECUTION_EFFORT = 16;

export class Space {
  readonly transitions: Transitions;
  readonly locality: Locality;
  readonly options: SpaceOptions;
  readonly #parts: StateParts;
  readonly #core: SearchCore;
  readonly #successor: Successor = {
    length: 0,
    leaf: undefined as unknown as Leaf,
    points: 0,
  };
  /** The fingerprint of the state that was settled last. */
  low = 0;
  high = 0;
  /** Where the last action has led is. */
  #isSettled = false;
  /** Set while a search makes use of it. */
  #symmetry: Symmetry | undefined;
  /** Nobody comes between what a thread does and its end: `#end`. */
  #endsAtOnce = false;
  /** Called with every leaf that is passed for the first time. */
  onLeaf: (leaf: Leaf) => void = () => {};

  constructor(transitions: Transitions, locality: Locality, options: SpaceOptions) {
    this.transitions = transitions;
    this.#parts = transitions.executor.parts;
    this.#core = transitions.executor.core;
    this.locality = locality;
    this.options = options;
  }

  /** What is left out because it would make no difference does make one: the search is for nothing. */
  get isMistaken(): boolean {
    const { executor } = this.transitions;
    const { parks, merges } = executor.reductions;
    return (
      (parks && executor.hasLoudSwitches) ||
      (merges && executor.hasForeignRestarts) ||
      this.#symmetry?.isMistaken === true
    );
  }

  /** The search has to be done again, with what it has found out. */
  get isForNothing(): boolean {
    return this.isMistaken || (this.options.reduceLocal && this.locality.hasLearnt);
  }

  /** The same as of when something was found out last: asked at every transition. */
  isToBeStopped = false;

  /** Of so many transitions, and of the steps that have been executed: `Watch.mustStop`. */
  effortOf(transitions: number): number {
    return transitions + EXECUTION_EFFORT * this.transitions.size;
  }

  /** There is no room for much more. */
  get isNearlyFull(): boolean {
    return this.#core.isNearlyFull;
  }

  /** Begin a search with what is known by now. */
  begin(): void {
    const { transitions, options, locality } = this;
    transitions.forget(locality.begin());
    this.#reconsider();
    this.#endsAtOnce =
      options.reduceLocal &&
      options.signals === 0 &&
      transitions.executor.reductions.parks &&
      !locality.isShared(POINTS);
  }

  /** Put into `to` what can happen in a state, in a fixed order. */
  actions(states: Int32Array, from: number, length: number, to: Action[]): void {
    const parts = this.#parts;
    const { onlineCpus, current, hasTimers, handled } = parts.sharedInfo(
      states[from + SHARED] as number,
    );
    // By index, and over what was there: iterators and emptied arrays are objects, at every state.
    let count = 0;
    for (let index = THREADS; index < length; index++) {
      const { isRunnable, affinity } = parts.threadInfo(states[from + index] as number);
      if (!isRunnable) continue;
      const tid = index - THREADS + 1;
      for (let at = 0; at < onlineCpus.length; at++) {
        const cpu = onlineCpus[at] as number;
        if (affinity.includes(cpu)) to[count++] = runAction(tid, cpu);
      }
    }
    if (hasTimers) to[count++] = TIME_ACTION;
    // Others than the program's threads want CPUs too.
    for (let cpu = 0; cpu < current.length; cpu++) {
      const tid = current[cpu] as number;
      if (tid !== 0 && this.#canNoticeLoss(states, from, tid)) to[count++] = parkAction(cpu);
    }
    to.length = count;
    if (count === 0 || this.options.signals === 0) return;
    for (let index = THREADS; index < length; index++) {
      const thread = parts.threadInfo(states[from + index] as number);
      if (thread.isDead || thread.signalsTaken >= this.options.signals) continue;
      for (const signo of handled) {
        const isBlocked = (thread.blockedSignals >> BigInt(signo - 1)) & 1n;
        if (isBlocked === 0n) to.push(signalAction(index - THREADS + 1, signo));
      }
    }
  }

  /** It makes a difference to the thread that it loses its CPU for a while. */
  #canNoticeLoss(states: Int32Array, from: number, tid: number): boolean {
    const { executor } = this.transitions;
    const thread = this.#parts.threadInfo(states[from + THREADS + tid - 1] as number);
    return thread.isRunnable && (thread.isInSection || !executor.reductions.parks);
  }

  /** True when the thread that ran last could run on. */
  canRun(states: Int32Array, from: number, tid: number): boolean {
    if (tid === 0) return false;
    return this.#parts.threadInfo(states[from + THREADS + tid - 1] as number).isRunnable;
  }

  /** Go from a state by an action. What it returns, and where it has led, are valid until the next call. */
  follow(states: Int32Array, action: Action): Successor {
    this.enter(states);
    return this.#follow(action);
  }

  /** Put where the last action has led on top of the stack. Returns what can happen there, into `to`. */
  push(to: Action[]): void {
    const core = this.#core;
    const { length } = this.#successor;
    core.functions.push(length);
    this.actions(core.words, core.stateAt, length, to);
  }

  /** Go by an action from the state on top of the stack, which has so many words. As `follow`. */
  followTop(length: number, action: Action): Successor {
    const core = this.#core;
    const successor = this.#successor;
    const index = core.functions.advance(action, length, this.#symmetry !== undefined);
    if (index < 0) {
      successor.length = length;
      return this.#follow(action);
    }
    const { words, outcomeAt } = core;
    const leaf = this.transitions.leafAt(index);
    successor.leaf = leaf;
    successor.points = leaf.points;
    successor.length = words[outcomeAt + OUTCOME_LENGTH] as number;
    this.#isSettled = words[outcomeAt + OUTCOME_IS_SETTLED] !== 0;
    return successor;
  }

  /** Begin with an empty stack. */
  clear(): void {
    this.#core.functions.clear();
  }

  /** Forget the state on top of the stack. */
  pop(length: number): void {
    this.#core.functions.pop(length);
  }

  #follow(action: Action): Successor {
    const successor = this.#successor;
    this.#isSettled = false;
    if (this.#isTaken(action)) this.#step(parkAction(cpuOf(action)));
    const threads = successor.length - THREADS;
    const leaf = this.#step(action);
    successor.leaf = leaf;
    successor.points = leaf.points;
    if (leaf.mayEnd) this.#end(action);
    else if (leaf.terminal === undefined && leaf.passedBy >= threads) {
      this.#core.functions.setPlain(leaf.index, threads);
    }
    return successor;
  }

  /** A copy of the state where the last action has led. */
  get state(): Int32Array {
    return this.#core.state(this.#successor.length);
  }

  /**
   * Nobody has to come between what a thread does and its end, or its waiting for others to end, if nobody asks
   * whether it is there.
   */
  #end(action: Action): void {
    const { transitions, locality } = this;
    const successor = this.#successor;
    const { length, leaf } = successor;
    leaf.mayEnd = this.#canGoOn(leaf, action);
    if (!leaf.mayEnd) return;
    const end = transitions.leafHere(length, action);
    // It may have been done for the first time, and is not passed then.
    if (!end.isCovered) this.#reconsider();
    if (!end.isQuietEnd || locality.usesShared(end)) {
      leaf.mayEnd = !this.#isOnlyNext(end);
      return;
    }
    this.#stepBy(end, action);
    successor.points += end.points;
  }

  /** After the leaf of the action the thread could have the CPU again, and would not notice that it had lost it. */
  #canGoOn(leaf: Leaf, action: Action): boolean {
    if (!this.#endsAtOnce || leaf.terminal !== undefined || !isRun(action)) return false;
    const { words, stateAt } = this.#core;
    const thread = this.#parts.threadInfo(words[stateAt + THREADS + tidOf(action) - 1] as number);
    if (!thread.isRunnable || thread.isInSection) return false;
    const { onlineCpus } = this.#parts.sharedInfo(leaf.shared);
    // It may just have turned its CPU off.
    const cpu = cpuOf(action);
    return onlineCpus.includes(cpu) && thread.affinity.includes(cpu);
  }

  /** Whatever else is in the state, the thread comes to this leaf next, or to others that read a shared word too. */
  #isOnlyNext({ reads, accesses, services, dependence, content }: Leaf): boolean {
    const [first] = reads;
    // What the kernel writes again as it was is read where it is part of a word, and no access.
    const usesShared =
      first === undefined ||
      (this.locality.isShared(first) && accesses.some(({ address }) => address === first));
    return usesShared && services < 0 && dependence.length === 0 && content < 0;
  }

  /**
   * Put in the place of where the last action has led what stands for all that differ by threads' places, and its
   * fingerprint into `low` and `high`.
   */
  settle(): void {
    const core = this.#core;
    const { length } = this.#successor;
    while (!this.#isSettled) {
      const unknown = core.functions.settle(length, this.#symmetry !== undefined);
      this.#isSettled = unknown === 0;
      if (this.#isSettled) break;
      this.#symmetry?.learn(unknown, length);
      this.#reconsider();
    }
    const { words, outcomeAt } = core;
    this.low = words[outcomeAt + OUTCOME_LOW] as number;
    this.high = words[outcomeAt + OUTCOME_HIGH] as number;
  }

  /** Another thread has the CPU. */
  #isTaken(action: Action): boolean {
    if (!isRun(action)) return false;
    const { words, stateAt } = this.#core;
    const { current } = this.#parts.sharedInfo(words[stateAt + SHARED] as number);
    const holder = current[cpuOf(action)] ?? 0;
    return holder !== 0 && holder !== tidOf(action);
  }

  #step(action: Action): Leaf {
    const leaf = this.transitions.leafHere(this.#successor.length, action);
    this.#stepBy(leaf, action);
    return leaf;
  }

  #stepBy(leaf: Leaf, action: Action): void {
    const { length } = this.#successor;
    const threads = length - THREADS;
    if (leaf.passedBy < threads && this.#isNews(leaf, threads)) {
      const state = this.state;
      this.#pass(leaf, state, action);
      this.#core.giveState(state);
      this.#reconsider();
    }
    this.#successor.length = this.transitions.applyHere(leaf, length);
  }

  /** There is something to find out by passing the leaf while there are so many threads. */
  #isNews(leaf: Leaf, threads: number): boolean {
    return (
      !leaf.isCovered ||
      leaf.started > 0 ||
      leaf.notedBefore < threads ||
      leaf.notedAfter < threads ||
      (this.#symmetry !== undefined && leaf.orbitThreads < threads)
    );
  }

  #reconsider(): void {
    this.isToBeStopped = this.isForNothing;
  }

  #pass(leaf: Leaf, state: Int32Array, action: Action): void {
    const threads = state.length - THREADS;
    const isUnverified = this.#symmetry !== undefined && leaf.orbitThreads < threads;
    if (isUnverified) this.#symmetry?.pass(leaf, state, action);
    const after = threads + leaf.started;
    if (leaf.started > 0) this.locality.noteStart(after, this.#agentOf(state, action));
    if (isUnverified || leaf.notedBefore < threads || leaf.notedAfter < after) {
      // A thread that is alone is in nobody's way but its handler's, and the kernel's when it moves it.
      const before = this.#isAlone(state) ? 1 : threads;
      this.locality.note(leaf, before, after);
      // What one does, those do that are like it.
      if (this.#symmetry !== undefined) {
        for (const image of leaf.orbit) this.locality.note(image, before, after);
      }
    }
    if (!leaf.isCovered) this.onLeaf(leaf);
    leaf.isCovered = true;
    // Without symmetry it has not been verified. Who starts a thread may be another each time.
    const isVerified = this.#symmetry !== undefined || this.options.symmetry === undefined;
    if (isVerified && leaf.started === 0 && leaf.notedBefore >= threads) leaf.passedBy = threads;
  }

  /** As in WordAccess: the thread of the action, or its handler. */
  #agentOf(state: Int32Array, action: Action): number {
    const tid = tidOf(action);
    const thread = state[THREADS + tid - 1] as number;
    return tid * 2 + (this.#parts.threadInfo(thread).isInHandler ? 1 : 0);
  }

  /** Whether the search that begins asks for the states that stand for others: `settle`. */
  useSymmetry(isUsed: boolean): void {
    this.#symmetry = isUsed ? this.options.symmetry : undefined;
  }

  /** Work on a state as if an action had led there. */
  enter(states: Int32Array): void {
    this.#successor.length = states.length;
    this.#isSettled = false;
    this.#core.giveState(states);
  }

  /** No other thread is there to notice anything. */
  #isAlone(state: Int32Array): boolean {
    let alive = 0;
    for (let index = THREADS; index < state.length; index++) {
      if (!this.#parts.threadInfo(state[index] as number).isDead) alive++;
    }
    return alive <= 1;
  }
}
