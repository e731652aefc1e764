// The search for the shortest way to a failure: fewest preemptions first, then fewest steps. States are
// kept with how they were reached. Also the search when preemptions are bounded.

import { type Action, cpuOf, isPark, isRun, MAX_CHECKED_CPUS, signalOf, tidOf } from './action.js';
import { enlarged } from './enlarged.js';
import { Interner } from './interner.js';
import type { Watch } from './limits.js';
import { type Space, type Successor } from './space.js';
import { SHARED } from './state.js';
import type { Terminal } from './transitions.js';

/** One action and how many steps it went on for. */
export interface PathElement {
  readonly action: Action;
  readonly steps: number;
}

export interface Violation {
  readonly path: readonly PathElement[];
  readonly preemptions: number;
  /** undefined: nobody can run any more. */
  readonly terminal: Terminal | undefined;
}

export interface BoundedResult {
  readonly states: number;
  readonly transitions: number;
  readonly violation: Violation | undefined;
  /** Every run with no more than the preemptions allowed has been seen. */
  readonly isComplete: boolean;
}

/** The end of a run that ended badly. */
interface End {
  readonly parent: number;
  readonly action: Action;
  readonly steps: number;
  readonly terminal: Terminal | undefined;
}

const NONE = -1;
const BITS = 2 ** 24;

export class ShortestSearch {
  readonly #space: Space;
  readonly #watch: Watch;
  readonly #bound: number;
  readonly #onEnd: (successor: Successor | undefined) => boolean;
  readonly #maxStates: number;
  /** Tuples: the thread that ran last and where, then the state. */
  readonly #nodes = new Interner();
  #parents = new Int32Array(1024);
  #arrivals = new Int32Array(1024);
  /** Of the last action on the way to a node. */
  #stepsOf = new Int32Array(1024);
  /** preemptions * 2^24 + steps. */
  #costs = new Float64Array(1024).fill(Number.POSITIVE_INFINITY);
  /** What is to be looked at next, by preemptions and then by steps: numbers of nodes, and ends. */
  readonly #levels: (number | End)[][][] = [];
  #key = new Int32Array(64);
  #transitions = 0;
  #level = 0;
  #steps = 0;
  #isCut = false;

  /** bound: preemptions allowed. onEnd: as for DepthFirstSearch. */
  constructor(
    space: Space,
    watch: Watch,
    bound: number,
    onEnd: (successor: Successor | undefined) => boolean,
    maxStates: number = Number.POSITIVE_INFINITY,
  ) {
    this.#maxStates = maxStates;
    this.#space = space;
    this.#watch = watch;
    this.#bound = bound;
    this.#onEnd = onEnd;
  }

  run(initial: Int32Array): BoundedResult {
    this.#reach(initial, 0, NONE, 0, 0, 0);
    for (this.#level = 0; this.#level < this.#levels.length; this.#level++) {
      const level = this.#levels[this.#level] ?? [];
      for (this.#steps = 0; this.#steps < level.length; this.#steps++) {
        const bucket = level[this.#steps] ?? [];
        for (const item of bucket) {
          const violation = typeof item === 'number' ? this.#expand(item) : this.#violation(item);
          if (violation !== undefined) return this.#result(violation);
          if (this.#mustStop()) {
            this.#isCut = true;
            return this.#result(undefined);
          }
        }
        level[this.#steps] = [];
      }
      this.#levels[this.#level] = [];
    }
    return this.#result(undefined);
  }

  #mustStop(): boolean {
    if (this.#space.isToBeStopped || this.#nodes.size > this.#maxStates) return true;
    const effort = this.#space.effortOf(this.#transitions);
    return this.#watch.mustStop(this.#nodes.size, effort, this.#progress);
  }

  #result(violation: Violation | undefined): BoundedResult {
    const states = this.#nodes.size - 1;
    const isComplete = !this.#isCut && violation === undefined;
    return { states, transitions: this.#transitions, violation, isComplete };
  }

  readonly #progress = () => ({
    states: this.#nodes.size - 1,
    transitions: this.#transitions,
    queue: 0,
    depth: this.#steps,
    memory: this.#nodes.bytes + 20 * this.#parents.length + this.#space.transitions.bytes,
    done: 0,
    isNearlyFull: this.#nodes.isNearlyFull || this.#space.isNearlyFull,
  });

  /** Look at a node, unless there has been a shorter way to it. */
  #expand(node: number): Violation | undefined {
    const cost = this.#level * BITS + this.#steps;
    if (this.#costs[node] !== cost) return undefined;
    const actions: Action[] = [];
    const tuple = this.#nodes.tuple(node);
    const last = tuple[0] as number;
    this.#space.actions(tuple, 1, tuple.length - 1, actions);
    if (actions.length === 0) {
      if (!this.#onEnd(undefined)) return undefined;
      return this.#violation({ parent: node, action: NONE, steps: 0, terminal: undefined });
    }
    for (const action of actions) this.#follow(node, tuple, last, action);
    return undefined;
  }

  #follow(node: number, tuple: Int32Array, last: number, action: Action): void {
    const level = this.#level + this.#preemptions(tuple, last, action);
    if (level > this.#bound) return;
    const successor = this.#space.follow(tuple.subarray(1), action);
    this.#transitions += successor.points;
    const steps = this.#steps + successor.points;
    if (steps >= Math.min(this.#watch.depth, BITS)) {
      this.#isCut = true;
      return;
    }
    const { terminal } = successor.leaf;
    if (terminal === undefined) {
      const running = isRun(action) ? tidOf(action) * MAX_CHECKED_CPUS + cpuOf(action) : last;
      this.#reach(this.#space.state, running, node, action, level, steps);
    } else if (this.#onEnd(successor)) {
      const end = { parent: node, action, steps: successor.points, terminal };
      this.#queue(end, level, steps);
    }
  }

  /** How many threads lose what they could have gone on with. */
  #preemptions(tuple: Int32Array, last: number, action: Action): number {
    if (signalOf(action) !== 0 || isPark(action)) return 1;
    if (!isRun(action)) return 0;
    const space = this.#space;
    const { executor } = space.transitions;
    const tid = tidOf(action);
    const cpu = cpuOf(action);
    const lastTid = Math.floor(last / MAX_CHECKED_CPUS);
    const isMoved = lastTid === tid && last % MAX_CHECKED_CPUS !== cpu;
    const isLastLeft = lastTid !== tid && space.canRun(tuple, 1, lastTid);
    const holder = executor.parts.sharedInfo(tuple[1 + SHARED] as number).current[cpu] ?? 0;
    const isHolderLeft = holder !== 0 && holder !== tid && holder !== lastTid;
    return (isMoved || isLastLeft ? 1 : 0) + (isHolderLeft ? 1 : 0);
  }

  #reach(
    states: Int32Array,
    last: number,
    parent: number,
    action: Action,
    level: number,
    steps: number,
  ): void {
    const { length } = states;
    while (this.#key.length < length + 1) this.#key = enlarged(this.#key);
    this.#key[0] = last;
    this.#key.set(states, 1);
    const node = this.#nodes.intern(this.#key.subarray(0, length + 1));
    if (node >= this.#parents.length) this.#enlarge();
    const cost = level * BITS + steps;
    if ((this.#costs[node] as number) <= cost) return;
    this.#costs[node] = cost;
    this.#parents[node] = parent;
    this.#arrivals[node] = action;
    this.#stepsOf[node] = parent === NONE ? 0 : steps - this.#steps;
    this.#queue(node, level, steps);
  }

  #queue(item: number | End, level: number, steps: number): void {
    while (this.#levels.length <= level) this.#levels.push([]);
    const buckets = this.#levels[level] as (number | End)[][];
    while (buckets.length <= steps) buckets.push([]);
    (buckets[steps] as (number | End)[]).push(item);
  }

  #enlarge(): void {
    this.#parents = enlarged(this.#parents);
    this.#arrivals = enlarged(this.#arrivals);
    this.#stepsOf = enlarged(this.#stepsOf);
    const costs = new Float64Array(this.#costs.length * 2).fill(Number.POSITIVE_INFINITY);
    costs.set(this.#costs);
    this.#costs = costs;
  }

  #violation({ parent, action, steps, terminal }: End): Violation {
    const path: PathElement[] = action === NONE ? [] : [{ action, steps }];
    for (let node = parent; (this.#parents[node] as number) !== NONE; ) {
      path.push({
        action: this.#arrivals[node] as number,
        steps: this.#stepsOf[node] as number,
      });
      node = this.#parents[node] as number;
    }
    return { path: path.reverse(), preemptions: this.#level, terminal };
  }
}
