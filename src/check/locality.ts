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

export class Locality {
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
    for (const access of leaf.accesses) this.#note(access, access.isAfterStart ? after : before);
  }

  /** Every use so far. */
  get uses(): UseRecord[] {
    return [...this.#uses].flatMap(([address, uses]) =>
      uses.map(({ agent, used, written }): UseRecord => [address, agent, used, written]),
    );
  }

  /** What another search has seen. */
  merge(records: readonly UseRecord[]): void {
    for (const [address, agent, used, written] of records) {
      this.#record(address, agent, used, written);
    }
  }

  /** Somebody besides the thread, and the kernel on its behalf, writes the word while the thread is there. */
  hasForeignWriter(address: number, tid: number): boolean {
    const uses = this.#uses.get(address) ?? [];
    return uses.some(({ agent, written }) => agent !== 0 && agent >> 1 !== tid && written >= tid);
  }

  /** This search takes the word for shared. */
  isShared(address: number): boolean {
    return this.#known.has(address);
  }

  #note({ address, agent, isStore }: WordAccess, threads: number): void {
    this.#record(address, agent, threads, isStore ? threads : 0);
  }

  #record(address: number, agent: number, used: number, written: number): void {
    const uses = this.#uses.get(address) ?? [];
    this.#uses.set(address, uses);
    let use = uses.find((each) => each.agent === agent);
    if (use === undefined) {
      use = { agent, used: 0, written: 0 };
      uses.push(use);
    }
    use.used = Math.max(use.used, used);
    use.written = Math.max(use.written, written);
    const own = use;
    if (uses.some((other) => other !== own && conflict(own, other))) this.#shared.add(address);
  }
}

/** One writes what the other uses, and not because one of them was there to start the other. */
function conflict(one: Use, other: Use): boolean {
  const [older, younger] = one.agent < other.agent ? [one, other] : [other, one];
  // The kernel, and a thread and its handler, are there together at all times.
  const born =
    older.agent === 0 || older.agent >> 1 === younger.agent >> 1 ? 0 : younger.agent >> 1;
  return (
    (older.written > 0 && older.written >= born) ||
    (younger.written > 0 && older.used > 0 && older.used >= born)
  );
}
