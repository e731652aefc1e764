// The search for a proof: every state once, depth first. What is kept of a state is its fingerprint; of
// those on the way to the present one, the state itself, a few words.

import type { Action } from './action.js';
import { enlarged } from './enlarged.js';
import type { Watch } from './limits.js';
import type { Space, Successor } from './space.js';
import type { Visited } from './visited.js';

export interface SearchResult {
  readonly transitions: number;
  /** A run ended badly; the search stopped there. */
  readonly isViolated: boolean;
  /** Every state that can be reached has been. */
  readonly isComplete: boolean;
  /** A run was longer than it may be. */
  readonly isCut: boolean;
}

/** The actions that lead to a state from the initial one. */
export type Path = readonly Action[];

/** Words in front of the actions of a frame. The state is on the space's stack. */
const HEAD = 6;
const PARENT = 0;
const ACTIONS = 1;
const NEXT = 2;
const LENGTH = 3;
const STEPS = 4;
/** The action that leads to the next frame. */
const TAKEN = 5;

/** What is kept of a search that has stopped, at most. */
const MOST_FRONTIER_WORDS = 2 ** 22;

export class DepthFirstSearch {
  readonly #space: Space;
  readonly #visited: Visited;
  readonly #watch: Watch;
  readonly #onEnd: (successor: Successor | undefined) => boolean;
  readonly #maxStates: number;
  #stack = new Int32Array(1 << 12);
  #top = -1;
  #used = 0;
  #depth = 0;
  #transitions = 0;
  #isCut = false;
  #hasStopped = false;
  /** Leads to the state at the bottom of the stack. */
  #path: Path = [];
  #waiting: readonly Path[] = [];
  readonly #actions: Action[] = [];

  /**
   * onEnd: called where a run ends, by the end of the process or, with no action left, in a deadlock
   * (leaf undefined); true when it ended badly.
   */
  constructor(
    space: Space,
    visited: Visited,
    watch: Watch,
    onEnd: (successor: Successor | undefined) => boolean,
    maxStates: number = Number.POSITIVE_INFINITY,
  ) {
    this.#maxStates = maxStates;
    this.#space = space;
    this.#visited = visited;
    this.#watch = watch;
    this.#onEnd = onEnd;
  }

  /** Search from the states that `paths` lead to. */
  run(initial: Int32Array, paths: readonly Path[]): SearchResult {
    this.#space.clear();
    for (const [index, path] of paths.entries()) {
      this.#waiting = paths.slice(index + 1);
      const isViolated = this.#start(initial, path) || this.#search();
      if (isViolated || this.#hasStopped) return this.#result(isViolated);
    }
    return this.#result(false);
  }

  /** The way to every state that is known of and has not been looked at; none when that is too much. */
  get frontier(): Path[] {
    const tops = this.#tops();
    const open = tops.flatMap((top, index) => (this.#hasOpen(top) ? [index] : []));
    const words = open.reduce((sum, index) => sum + this.#path.length + index + 1, 0);
    if (words > MOST_FRONTIER_WORDS) return [];
    return [...this.#waiting, ...open.flatMap((index) => this.#open(tops, index))];
  }

  /** Part of the work, for somebody who has none: the actions that are left of the oldest state with any. */
  giveAway(): Path[] {
    const tops = this.#tops();
    const index = tops.findIndex((top) => this.#hasOpen(top));
    if (index < 0) return [];
    const open = this.#open(tops, index);
    const top = tops[index] as number;
    this.#stack[top + NEXT] = this.#stack[top + ACTIONS] as number;
    return open;
  }

  /** True when a run ended badly. */
  #search(): boolean {
    while (this.#top >= 0) {
      const next = this.#stack[this.#top + NEXT] as number;
      if (next === this.#stack[this.#top + ACTIONS]) this.#pop();
      else if (this.#take(next)) return true;
      else if (this.#mustStop()) {
        this.#hasStopped = true;
        return false;
      }
    }
    return false;
  }

  #mustStop(): boolean {
    const { size } = this.#visited;
    if (size >= this.#maxStates || this.#space.isToBeStopped) return true;
    const effort = this.#space.effortOf(this.#transitions);
    return this.#watch.mustStop(size, effort, this.#progress, this);
  }

  /** Go to where the path leads. True when the run ends badly there. */
  #start(initial: Int32Array, path: Path): boolean {
    this.#path = path;
    let states = initial;
    let steps = 0;
    for (const [index, action] of path.entries()) {
      const successor = this.#space.follow(states, action);
      steps += successor.points;
      // The others are somebody else's, who has counted them.
      if (index === path.length - 1) this.#transitions += successor.points;
      if (successor.leaf.terminal !== undefined) return this.#onEnd(successor);
      this.#space.settle();
      states = this.#space.state;
    }
    this.#space.enter(states);
    return this.#isNew() && this.#push(states.length, steps);
  }

  /** Where the last action has led has not been seen before. */
  #isNew(): boolean {
    const space = this.#space;
    space.settle();
    return this.#visited.add(space.low, space.high, this.#state);
  }

  readonly #state = (): Int32Array => this.#space.state;

  /** The frames, the oldest first. */
  #tops(): number[] {
    const tops: number[] = [];
    for (let at = this.#top; at >= 0; at = this.#stack[at + PARENT] as number) tops.push(at);
    return tops.reverse();
  }

  #hasOpen(top: number): boolean {
    return (this.#stack[top + NEXT] as number) < (this.#stack[top + ACTIONS] as number);
  }

  /** The ways on from a state that have not been taken. */
  #open(tops: readonly number[], index: number): Path[] {
    const stack = this.#stack;
    const taken = tops.slice(0, index).map((top) => stack[top + TAKEN] as number);
    const path = [...this.#path, ...taken];
    const top = tops[index] as number;
    const first = top + HEAD + (stack[top + NEXT] as number);
    const end = top + HEAD + (stack[top + ACTIONS] as number);
    return Array.from(stack.subarray(first, end), (action) => [...path, action]);
  }

  #result(isViolated: boolean): SearchResult {
    const isComplete = !this.#isCut && !this.#hasStopped;
    return { transitions: this.#transitions, isViolated, isComplete, isCut: this.#isCut };
  }

  readonly #progress = () => ({
    states: this.#visited.size,
    transitions: this.#transitions,
    queue: this.#depth,
    depth: this.#depth,
    memory: this.#visited.bytes + this.#stack.byteLength + this.#space.transitions.bytes,
    done: this.#done(),
    isNearlyFull: this.#space.isNearlyFull || this.#visited.isNearlyFull,
  });

  /** As if every action of a state led to as many states as any other. */
  #done(): number {
    let share = 1;
    let done = 0;
    for (const at of this.#tops()) {
      const actions = this.#stack[at + ACTIONS] as number;
      share /= actions;
      done += share * Math.max(0, (this.#stack[at + NEXT] as number) - 1);
    }
    return Math.min(1, done);
  }

  /** Follow an action of the state on top. True when the run ends badly there. */
  #take(next: number): boolean {
    const stack = this.#stack;
    const top = this.#top;
    stack[top + NEXT] = next + 1;
    const length = stack[top + LENGTH] as number;
    const action = stack[top + HEAD + next] as number;
    stack[top + TAKEN] = action;
    const successor = this.#space.followTop(length, action);
    const { points } = successor;
    this.#transitions += points;
    if (successor.leaf.terminal !== undefined) return this.#onEnd(successor);
    if (!this.#isNew()) return false;
    const steps = (stack[top + STEPS] as number) + points;
    if (steps >= this.#watch.depth) {
      this.#isCut = true;
      return false;
    }
    return this.#push(successor.length, steps);
  }

  /** Where the last action has led is on top. True when nothing can happen there any more. */
  #push(length: number, steps: number): boolean {
    const actions = this.#actions;
    this.#space.push(actions);
    if (actions.length === 0) {
      this.#space.pop(length);
      return this.#onEnd(undefined);
    }
    const top = this.#used;
    while (top + HEAD + actions.length > this.#stack.length) this.#stack = enlarged(this.#stack);
    const stack = this.#stack;
    stack[top + PARENT] = this.#top;
    stack[top + ACTIONS] = actions.length;
    stack[top + NEXT] = 0;
    stack[top + LENGTH] = length;
    stack[top + STEPS] = steps;
    let at = top + HEAD;
    for (let index = 0; index < actions.length; index++) stack[at++] = actions[index] as number;
    this.#top = top;
    this.#used = at;
    this.#depth++;
    return false;
  }

  #pop(): void {
    this.#space.pop(this.#stack[this.#top + LENGTH] as number);
    this.#used = this.#top;
    this.#top = this.#stack[this.#top + PARENT] as number;
    this.#depth--;
  }
}
