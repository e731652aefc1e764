// Which words only one thread uses while there are others who could. A step that touches no others
// commutes with whatever anybody else does, so there is no need to stop before it. Nobody can know that in
// advance: a search begins with the words it has seen shared so far, and is done again when it has seen more.

import type { Leaf, WordAccess } from './transitions.js';

/** What an agent did to a word: how many threads there were when it used or wrote it last, 0: never. */
export interface Use {
  readonly agent: number;
  used: number;
  written: number;
}

/** The uses of a word, to be told to another search: address, agent, used, written. */
export type UseRecord = readonly [number, number, number, number];

/** Which agent has started a thread. */
export type StartRecord = readonly [tid: number, agent: number];

/** Several have, depending on what came before. */
const ANYBODY = 0;

export class Locality {
  /** By tid: the agent that has started it. */
  readonly #starters = new Map<number, number>();
  readonly #uses = new Map<number, Use[]>();
  readonly #shared = new Set<number>();
  /** What this search takes for shared. */
  #known: ReadonlySet<number> = new Set();

  /** Words that are shared, as far as this search knows. */
  get size(): number {
    return this.#known.size;
  }

  /** This search has found words shared that it took for local. */
  get hasLearnt(): boolean {
    return this.#shared.size > this.#known.size;
  }

  /** Begin a search with what is known by now. Returns the words that the one before took for local. */
  begin(): ReadonlySet<number> {
    const learnt = new Set([...this.#shared].filter((word) => !this.#known.has(word)));
    this.#known = new Set(this.#shared);
    return learnt;
  }

  /** The words known by now, for another search. */
  get words(): readonly number[] {
    return [...this.#shared].sort((a, b) => a - b);
  }

  add(words: Iterable<number>): void {
    for (const word of words) this.#shared.add(word);
  }

  /** The step of `leaf` is done while `before` threads have been started, `after` once it has started others. */
  note(leaf: Leaf, before: number, after: number): void {
    if (leaf.notedBefore >= before && leaf.notedAfter >= after) return;
    leaf.notedBefore = Math.max(leaf.notedBefore, before);
    leaf.notedAfter = Math.max(leaf.notedAfter, after);
    const { accesses } = leaf;
    for (let at = 0; at < accesses.length; at++) {
      const { address, agent, isStore, isAfterStart } = accesses[at] as WordAccess;
      const threads = isAfterStart ? after : before;
      this.#record(address, agent, threads, isStore ? threads : 0);
    }
  }

  /** `agent` has started thread `tid`. */
  noteStart(tid: number, agent: number): void {
    const known = this.#starters.get(tid) ?? agent;
    if (this.#starters.has(tid) && known === agent) return;
    this.#starters.set(tid, known === agent ? agent : ANYBODY);
    if (known === agent) return;
    for (const [address, uses] of this.#uses) {
      for (const use of uses) this.#findConflict(address, use, uses);
    }
  }

  get starts(): StartRecord[] {
    return [...this.#starters];
  }

  /** Every use so far. */
  get uses(): UseRecord[] {
    return [...this.#uses].flatMap(([address, uses]) =>
      uses.map(({ agent, used, written }): UseRecord => [address, agent, used, written]),
    );
  }

  /** What another search has seen. */
  merge(records: readonly UseRecord[], starts: readonly StartRecord[]): void {
    for (const [tid, agent] of starts) this.noteStart(tid, agent);
    for (const [address, agent, used, written] of records) {
      this.#record(address, agent, used, written);
    }
  }

  /** Somebody besides the thread, and the kernel on its behalf, writes the word while the thread is there. */
  hasForeignWriter(address: number, tid: number): boolean {
    const uses = this.#uses.get(address) ?? [];
    return uses.some(
      ({ agent, written }) =>
        agent !== 0 && agent >> 1 !== tid && written > 0 && written >= this.#born(agent, tid),
    );
  }

  /** This search takes the word for shared. */
  isShared(address: number): boolean {
    return this.#known.has(address);
  }

  /** A word that the step uses is shared, as far as this search knows. */
  usesShared({ accesses }: Leaf): boolean {
    for (let at = 0; at < accesses.length; at++) {
      if (this.isShared((accesses[at] as WordAccess).address)) return true;
    }
    return false;
  }

  #record(address: number, agent: number, used: number, written: number): void {
    let uses = this.#uses.get(address);
    if (uses === undefined) {
      uses = [];
      this.#uses.set(address, uses);
    }
    const use = useBy(agent, uses);
    if (used <= use.used && written <= use.written) return;
    use.used = Math.max(use.used, used);
    use.written = Math.max(use.written, written);
    this.#findConflict(address, use, uses);
  }

  /** One of the uses is new. */
  #findConflict(address: number, use: Use, uses: readonly Use[]): void {
    if (this.#shared.has(address)) return;
    for (const other of uses) {
      if (other !== use && this.#conflict(use, other)) this.#shared.add(address);
    }
  }

  /** One writes what the other uses, and not because one of them was there to start the other. */
  #conflict(one: Use, other: Use): boolean {
    const older = one.agent < other.agent ? one : other;
    const younger = older === one ? other : one;
    const born = this.#born(older.agent, younger.agent >> 1);
    return (
      (older.written > 0 && older.written >= born) ||
      (younger.written > 0 && older.used > 0 && older.used >= born)
    );
  }

  /**
   * The thread that the agent has started, of those that thread `tid` comes from: what the agent did before is
   * in the way of none of `tid`. 0: they may have been there together at all times.
   */
  #born(agent: number, tid: number): number {
    let child = tid;
    for (;;) {
      const starter = this.#starters.get(child) ?? ANYBODY;
      if (starter === ANYBODY) return 0;
      if (starter === agent) return child;
      child = starter >> 1;
    }
  }
}

/** One of the uses, which may be new. */
function useBy(agent: number, uses: Use[]): Use {
  // By index: an iterator would be an object for every word of every step.
  for (let at = 0; at < uses.length; at++) {
    const use = uses[at] as Use;
    if (use.agent === agent) return use;
  }
  const use = { agent, used: 0, written: 0 };
  uses.push(use);
  return use;
}
