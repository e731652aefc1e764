// The search for a livelock: states from which there is no way out, to the end of the program or to the
// commit of a section, whatever is done. A scheduler that is fair, one that takes every choice it has again
// and again, comes there in the end and stays. Loops that have a way out are left to it.

import { type Action, isRun, tidOf } from './action.js';
import { enlarged } from './enlarged.js';
import { Interner } from './interner.js';
import type { Watch } from './limits.js';
import type { PathElement } from './shortest.js';
import type { Space } from './space.js';

export interface Livelock {
  /** To a state of the loop. */
  readonly path: readonly PathElement[];
  /** Once around, from there to there. */
  readonly cycle: readonly PathElement[];
  /** The threads that go on in it. */
  readonly tids: readonly number[];
}

interface Edge {
  readonly from: number;
  readonly action: Action;
  readonly steps: number;
}

const NOWHERE = 0;

/** Every state with every way on: needs memory for both. */
export class LivenessSearch {
  readonly #space: Space;
  readonly #watch: Watch;
  readonly #nodes = new Interner();
  /** By node: the edge on which it was found, and where its own edges begin. */
  readonly #arrivals: Edge[] = [{ from: NOWHERE, action: 0, steps: 0 }];
  #firstEdges = new Int32Array(1024);
  #targets = new Int32Array(1024);
  #actions = new Int32Array(1024);
  #steps = new Int32Array(1024);
  #edges = 0;
  #transitions = 0;
  /** Nodes from which the program can end, or a section be left behind. */
  readonly #good = new Set<number>();

  constructor(space: Space, watch: Watch) {
    this.#space = space;
    this.#watch = watch;
  }

  /** Undefined when there is none, or the search had to stop. */
  run(initial: Int32Array): Livelock | undefined {
    if (!this.#explore(initial)) return undefined;
    const trapped = this.#firstTrap();
    return trapped === undefined ? undefined : this.#describe(trapped);
  }

  /** All states. False when it had to stop. */
  #explore(initial: Int32Array): boolean {
    this.#reach(initial, this.#arrivals[0] as Edge);
    for (let node = 1; node < this.#nodes.size; node++) {
      const effort = this.#space.effortOf(this.#transitions);
      if (this.#watch.mustStop(this.#nodes.size, effort, this.#progress)) return false;
      if (node + 1 >= this.#firstEdges.length) this.#firstEdges = enlarged(this.#firstEdges);
      this.#firstEdges[node] = this.#edges;
      this.#expand(node);
    }
    this.#firstEdges[this.#nodes.size] = this.#edges;
    return true;
  }

  readonly #progress = () => ({
    states: this.#nodes.size - 1,
    transitions: this.#edges,
    queue: 0,
    depth: 0,
    memory: this.#nodes.bytes + this.#targets.byteLength * 3,
    done: 0,
    isNearlyFull: this.#nodes.isNearlyFull || this.#space.isNearlyFull,
  });

  #expand(node: number): void {
    const states = this.#nodes.tuple(node);
    const actions: Action[] = [];
    this.#space.actions(states, 0, states.length, actions);
    for (const action of actions) {
      const successor = this.#space.follow(states, action);
      const { leaf, points } = successor;
      this.#transitions += points;
      if (leaf.terminal !== undefined || leaf.commits) this.#good.add(node);
      if (leaf.terminal !== undefined) continue;
      const edge = { from: node, action, steps: points };
      this.#addEdge(this.#reach(this.#space.state, edge), edge);
    }
  }

  #reach(states: Int32Array, edge: Edge): number {
    const before = this.#nodes.size;
    const node = this.#nodes.intern(states);
    if (node === before) this.#arrivals.push(edge);
    return node;
  }

  #addEdge(target: number, { action, steps }: Edge): void {
    if (this.#edges === this.#targets.length) {
      this.#targets = enlarged(this.#targets);
      this.#actions = enlarged(this.#actions);
      this.#steps = enlarged(this.#steps);
    }
    this.#targets[this.#edges] = target;
    this.#actions[this.#edges] = action;
    this.#steps[this.#edges++] = steps;
  }

  /** The first state found from which no good one can be reached. */
  #firstTrap(): number | undefined {
    const canEscape = this.#reverseReachable();
    for (let node = 1; node < this.#nodes.size; node++) if (canEscape[node] === 0) return node;
    return undefined;
  }

  /** 1 for the nodes from which a good one can be reached. */
  #reverseReachable(): Uint8Array {
    const { first, sources } = this.#reversed();
    const reached = new Uint8Array(this.#nodes.size);
    const waiting = [...this.#good];
    for (const node of waiting) reached[node] = 1;
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      for (let at = first[node] as number; at < (first[node + 1] as number); at++) {
        const source = sources[at] as number;
        if (reached[source] === 1) continue;
        reached[source] = 1;
        waiting.push(source);
      }
    }
    return reached;
  }

  /** The edges by their targets. */
  #reversed(): { first: Int32Array; sources: Int32Array } {
    const count = this.#nodes.size;
    const first = new Int32Array(count + 1);
    for (let edge = 0; edge < this.#edges; edge++) {
      const next = (this.#targets[edge] as number) + 1;
      first[next] = (first[next] as number) + 1;
    }
    for (let node = 1; node <= count; node++) {
      first[node] = (first[node] as number) + (first[node - 1] as number);
    }
    const sources = new Int32Array(this.#edges);
    const filled = first.slice();
    for (let node = 1; node < count; node++) {
      for (let edge = this.#begin(node); edge < this.#begin(node + 1); edge++) {
        const target = this.#targets[edge] as number;
        sources[filled[target] as number] = node;
        filled[target] = (filled[target] as number) + 1;
      }
    }
    return { first, sources };
  }

  #begin(node: number): number {
    return this.#firstEdges[node] as number;
  }

  /** The loop nearest to a state that is trapped: it has a way on from wherever it is. */
  #describe(trapped: number): Livelock {
    const seen = new Map<number, number>();
    const way: Edge[] = [];
    let node = trapped;
    for (; !seen.has(node); ) {
      seen.set(node, way.length);
      const edge = this.#begin(node) + (way.length % (this.#begin(node + 1) - this.#begin(node)));
      way.push({
        from: node,
        action: this.#actions[edge] as number,
        steps: this.#steps[edge] as number,
      });
      node = this.#targets[edge] as number;
    }
    const start = seen.get(node) as number;
    const tids = way.slice(start).filter(({ action }) => isRun(action));
    return {
      path: [...this.#pathTo(trapped), ...way.slice(0, start)].map(toElement),
      cycle: way.slice(start).map(toElement),
      tids: [...new Set(tids.map(({ action }) => tidOf(action)))].sort((a, b) => a - b),
    };
  }

  #pathTo(node: number): Edge[] {
    const path: Edge[] = [];
    let edge = this.#arrivals[node] as Edge;
    for (; edge.from !== NOWHERE; edge = this.#arrivals[edge.from] as Edge) path.push(edge);
    return path.reverse();
  }
}

function toElement({ action, steps }: Edge): PathElement {
  return { action, steps };
}
