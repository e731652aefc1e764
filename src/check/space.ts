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
import { finish, HIGH_FACTOR, imul, LOW_FACTOR } from './hash.js';
import { enlarged } from './interner.js';
import { Locality } from './locality.js';
import { CONTENT, SERVICES, SHARED, THREADS } from './state.js';
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

/** Where an action has led. The object is used again. */
export interface Successor {
  /** The state is states[0 .. length). */
  states: Int32Array;
  length: number;
  leaf: Leaf;
  /** How many points the thread has come to. */
  points: number;
}

export class Space {
  readonly transitions: Transitions;
  readonly locality: Locality;
  readonly options: SpaceOptions;
  readonly #parts: StateParts;
  readonly #successor: Successor = {
    states: new Int32Array(64),
    length: 0,
    leaf: undefined as unknown as Leaf,
    points: 0,
  };
  /** The fingerprint of the state asked for last. */
  low = 0;
  high = 0;
  /** Set while a search makes use of it. */
  #symmetry: Symmetry | undefined;
  /** Nobody comes between what a thread does and its end: `#end`. */
  #endsAtOnce = false;
  /** Called with every leaf that is passed for the first time. */
  onLeaf: (leaf: Leaf) => void = () => {};

  constructor(transitions: Transitions, locality: Locality, options: SpaceOptions) {
    this.transitions = transitions;
    this.#parts = transitions.executor.parts;
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

  /** Begin a search with what is known by now. */
  begin(): void {
    const { transitions, options, locality } = this;
    transitions.forget(locality.begin());
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

  /** Go from a state by an action. What it returns is valid until the next call. */
  follow(states: Int32Array, from: number, length: number, action: Action): Successor {
    const successor = this.#successor;
    if (this.#isTaken(states, from, action)) {
      this.#step(states, from, length, parkAction(cpuOf(action)));
      successor.leaf = this.#step(successor.states, 0, length, action);
    } else {
      successor.leaf = this.#step(states, from, length, action);
    }
    successor.points = successor.leaf.points;
    if (successor.leaf.mayEnd) this.#end(action);
    return successor;
  }

  /**
   * Nobody has to come between what a thread does and its end, or its waiting for others to end, if nobody asks
   * whether it is there.
   */
  #end(action: Action): void {
    const { transitions, locality } = this;
    const successor = this.#successor;
    const { states, length, leaf } = successor;
    leaf.mayEnd = this.#canGoOn(leaf, action);
    if (!leaf.mayEnd) return;
    const end = transitions.leaf(states, 0, length, action);
    if (!end.isQuietEnd || locality.usesShared(end)) {
      leaf.mayEnd = !this.#isOnlyNext(end);
      return;
    }
    this.#pass(end, states, 0, length, action);
    this.#apply(end, states, 0, length);
    successor.points += end.points;
  }

  /** After the leaf of the action the thread could have the CPU again, and would not notice that it had lost it. */
  #canGoOn(leaf: Leaf, action: Action): boolean {
    if (!this.#endsAtOnce || leaf.terminal !== undefined || !isRun(action)) return false;
    const thread = this.#parts.threadInfo(
      this.#successor.states[THREADS + tidOf(action) - 1] as number,
    );
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

  /** The lanes of a state's fingerprint, into `low` and `high`. */
  fingerprint(states: Int32Array, from: number, length: number): void {
    const { memory } = this.transitions.executor;
    const { shared, services, threads } = this.#parts;
    const { lanes } = threads;
    const sharedLanes = shared.lanes;
    const servicesLanes = services.lanes;
    const contentLanes = memory.lanes;
    const own = (states[from + SHARED] as number) * 2;
    const known = (states[from + SERVICES] as number) * 2;
    const content = (states[from + CONTENT] as number) * 2;
    // The parts are well mixed: to multiply is enough to tell their places apart.
    const times = imul;
    const first = LOW_FACTOR;
    const second = HIGH_FACTOR;
    let low = times(sharedLanes[own] as number, first) ^ (servicesLanes[known] as number);
    let high = times(sharedLanes[own + 1] as number, second) ^ (servicesLanes[known + 1] as number);
    low = times(low, first) ^ (contentLanes[content] as number);
    high = times(high, second) ^ (contentLanes[content + 1] as number);
    const end = from + length;
    for (let at = from + THREADS; at < end; at++) {
      const thread = (states[at] as number) * 2;
      low = times(low, first) ^ (lanes[thread] as number);
      high = times(high, second) ^ (lanes[thread + 1] as number);
    }
    this.low = finish(low);
    this.high = finish(high);
  }

  /** Another thread has the CPU. */
  #isTaken(states: Int32Array, from: number, action: Action): boolean {
    if (!isRun(action)) return false;
    const { current } = this.#parts.sharedInfo(states[from + SHARED] as number);
    const holder = current[cpuOf(action)] ?? 0;
    return holder !== 0 && holder !== tidOf(action);
  }

  #apply(leaf: Leaf, states: Int32Array, from: number, length: number): void {
    const successor = this.#successor;
    while (length + leaf.started > successor.states.length) {
      const isOwn = states === successor.states;
      successor.states = enlarged(successor.states);
      if (isOwn) {
        this.#apply(leaf, successor.states, from, length);
        return;
      }
    }
    successor.length = this.transitions.apply(leaf, states, from, length, successor.states);
  }

  #step(states: Int32Array, from: number, length: number, action: Action): Leaf {
    const leaf = this.transitions.leaf(states, from, length, action);
    this.#pass(leaf, states, from, length, action);
    this.#apply(leaf, states, from, length);
    return leaf;
  }

  #pass(leaf: Leaf, states: Int32Array, from: number, length: number, action: Action): void {
    const threads = length - THREADS;
    if (leaf.passedBy >= threads) return;
    const isUnverified = this.#symmetry !== undefined && leaf.orbitThreads < threads;
    if (isUnverified) this.#symmetry?.pass(leaf, states, from, length, action);
    const after = threads + leaf.started;
    if (leaf.started > 0) this.locality.noteStart(after, this.#agentOf(states, from, action));
    if (isUnverified || leaf.notedBefore < threads || leaf.notedAfter < after) {
      // A thread that is alone is in nobody's way but its handler's, and the kernel's when it moves it.
      const before = this.#isAlone(states, from, length) ? 1 : threads;
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
  #agentOf(states: Int32Array, from: number, action: Action): number {
    const tid = tidOf(action);
    const thread = states[from + THREADS + tid - 1] as number;
    return tid * 2 + (this.#parts.threadInfo(thread).isInHandler ? 1 : 0);
  }

  /** Whether the search that begins asks for the states that stand for others: `canonicalize`. */
  useSymmetry(isUsed: boolean): void {
    this.#symmetry = isUsed ? this.options.symmetry : undefined;
  }

  /** Put in the place of a state the one that stands for all that differ by threads' places. */
  canonicalize(states: Int32Array, length: number): void {
    this.#symmetry?.canonicalize(states, length);
  }

  /** No other thread is there to notice anything. */
  #isAlone(states: Int32Array, from: number, length: number): boolean {
    let alive = 0;
    for (let index = THREADS; index < length; index++) {
      if (!this.#parts.threadInfo(states[from + index] as number).isDead) alive++;
    }
    return alive <= 1;
  }
}
