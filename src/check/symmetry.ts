// Threads that can change places: started with the same function and argument, they do the same, each with
// its own control block. States in which they have changed places count as one.
//
//   class      threads whose first states and control blocks are the same, but for where the block is
//   group      the permutations of threads within their classes, of those that there are in a state
//   orbit      what a step comes to, and the same step under every permutation
//
// Nothing is assumed of what a program does: each different step is executed for every permutation, from the
// state in which the threads have changed places, and has to come to the same with the threads in these places.
// When one does not, because somebody can tell the threads apart, their class is given up. When all do, the
// permutations are automorphisms of what is searched, and a state stands for all those they make of it.

import { TCB_ALIGN, TCB_BYTES, TCB_TID } from '../abi/thread.js';
import { type Action } from './action.js';
import { type Dependence } from './dependence.js';
import { Interner } from './interner.js';
import { Permutation } from './permutation.js';
import type { SearchCore } from './search-core.js';
import { MOST_MEMBERS, SERVICES_PART, SHARED_PART, THREAD_PART } from './search-layout.js';
import { CONTENT, SERVICES, SHARED, THREADS } from './state.js';
import type { StateParts } from './state-parts.js';
import type { Leaf, Transitions } from './transitions.js';

/** Permutations that every step is executed for, at most: all of four threads. */
const MOST_PERMUTATIONS = 24;
/** Where a block is, to compare it with another. */
const NOWHERE = 0x7f000000;

/** The threads of a class that there are, in order. */
interface Members {
  readonly tids: readonly number[];
  /** Each in the place of the first, and that in its: none for the first. */
  readonly exchanges: readonly (Permutation | undefined)[];
}

interface Group {
  /** Those that move a thread. */
  readonly permutations: readonly Permutation[];
  /** The same by what `codeOf` makes of the order in which they put the members of all classes. */
  readonly byOrder: ReadonlyMap<number, Permutation>;
  /** Those that have more than one. */
  readonly classes: readonly Members[];
}

const NOBODY: Group = { permutations: [], byOrder: new Map(), classes: [] };

export class Symmetry {
  readonly #transitions: Transitions;
  readonly #parts: StateParts;
  readonly #core: SearchCore;
  /** Classes that are none. */
  readonly #asymmetric: Set<string>;
  /** By tid: the class, and where the control block is. */
  readonly #keys: (string | undefined)[] = [];
  readonly #blocks: number[] = [];
  /** By number of threads. */
  readonly #groups: (Group | undefined)[] = [];
  readonly #permutations = new Map<string, Permutation>();
  readonly #permutationsById: Permutation[] = [];
  /** What keys are made of. */
  readonly #keyWords: Interner;
  /** A class has been given up: what was left out because of it has to be looked at. */
  isMistaken = false;

  /** asymmetric: classes that have been given up before. */
  constructor(transitions: Transitions, asymmetric: Iterable<string>) {
    this.#transitions = transitions;
    this.#parts = transitions.executor.parts;
    this.#core = transitions.executor.core;
    this.#keyWords = new Interner(this.#core);
    this.#asymmetric = new Set(asymmetric);
  }

  get asymmetric(): readonly string[] {
    return [...this.#asymmetric].sort();
  }

  /** It has begun with these classes given up, and no other has been since. */
  hasGivenUp(asymmetric: readonly string[]): boolean {
    return !this.isMistaken && this.asymmetric.join() === asymmetric.join();
  }

  /** A step is done: threads that it starts may be like others. state: before it. */
  pass(leaf: Leaf, state: Int32Array, action: Action): void {
    const { length } = state;
    const threads = length - THREADS;
    if (leaf.orbitThreads >= threads) return;
    const group = this.#group(threads);
    if (group.permutations.length === 0) setOrbit([leaf], threads);
    else this.#verify(leaf, state, action, group);
    if (leaf.started === 0) return;
    const content = this.#transitions.contentAfter(leaf, state[CONTENT] as number);
    for (let at = 0; at < leaf.changes.length; at += 2) {
      const index = leaf.changes[at] as number;
      if (index >= length) this.#meet(index - THREADS + 1, leaf.changes[at + 1] as number, content);
    }
  }

  /** Find out what was not known when the state that is worked on was to be settled: `SearchFunctions.settle`. */
  learn(unknown: number, length: number): void {
    if (unknown < 0) this.#group(length - THREADS);
    if (unknown <= 0) return;
    const state = this.#core.state(length);
    this.#learn(state, this.#permutationsById[unknown - 1] as Permutation);
    this.#core.giveState(state);
  }

  /** A new thread, and the class that it belongs to. */
  #meet(tid: number, thread: number, content: number): void {
    const { threadPointer } = this.#parts.threadInfo(thread);
    const key = this.#keyOf(thread, threadPointer, content);
    const known = this.#keys[tid];
    if (known === undefined) {
      this.#keys[tid] = key;
      this.#blocks[tid] = threadPointer;
      this.#groups.length = 0;
      this.#core.functions.forgetGroups();
    } else if (known !== key || this.#blocks[tid] !== threadPointer) {
      // It is another one, depending on what came before.
      this.#giveUp([known, key]);
    }
  }

  /** What a thread is like: equal for threads of a class. '' when it has no control block that it could be told by. */
  #keyOf(thread: number, block: number, content: number): string {
    const { memory, booted } = this.#transitions.executor;
    const isBlock =
      block > 0 && block % TCB_ALIGN === 0 && block + TCB_BYTES <= booted.guest.memory.sizeBytes;
    if (!isBlock) return '';
    const moved = (word: number): number =>
      word >>> 0 >= block && word >>> 0 < block + TCB_BYTES ? word - block + NOWHERE : word;
    const words = this.#parts.renamedWords(thread, {
      thread: () => 0,
      address: moved,
    });
    const key = [...words];
    for (let offset = 0; offset < TCB_BYTES; offset += 4) {
      if (offset !== TCB_TID) key.push(moved(memory.read(content, block + offset)));
    }
    const id = this.#keyWords.intern(Int32Array.from(key));
    const lanes = [this.#keyWords.low(id), this.#keyWords.high(id)];
    return lanes.map((lane) => (lane >>> 0).toString(16)).join('-');
  }

  #giveUp(keys: Iterable<string | undefined>): void {
    for (const key of keys) {
      if (key === undefined || key === '' || this.#asymmetric.has(key)) continue;
      this.#asymmetric.add(key);
      this.isMistaken = true;
    }
  }

  /** The permutations of as many threads, and of fewer: whoever can change places can do so ever after. */
  #group(threads: number): Group {
    let group = this.#groups[threads];
    if (group === undefined) {
      group = threads < 3 ? NOBODY : this.#makeGroup(threads);
      this.#groups[threads] = group;
      this.#keepGroup(threads, group);
    }
    return group;
  }

  #makeGroup(threads: number): Group {
    const byKey = new Map<string, number[]>();
    let order = 1;
    for (let tid = 1; tid <= threads; tid++) {
      const key = this.#keys[tid];
      if (key === undefined || key === '' || this.#asymmetric.has(key)) continue;
      const members = byKey.get(key) ?? [];
      byKey.set(key, members);
      if (!this.#isApart(tid) || order * (members.length + 1) > MOST_PERMUTATIONS) continue;
      members.push(tid);
      order *= members.length;
    }
    const classes = [...byKey.values()].filter(({ length }) => length > 1);
    let all: readonly { readonly tids: readonly number[]; readonly order: number }[] = [
      { tids: [], order: 0 },
    ];
    for (const members of classes) {
      all = all.flatMap(({ tids, order }) =>
        permuted(members.map((_, at) => at)).map((sorted) => ({
          tids: placed(tids, members, sorted),
          order: sorted.reduce(codeOf, order),
        })),
      );
    }
    const found = all.map(({ tids, order }) => [order, this.#permutation(tids)] as const);
    const byOrder = new Map(found.filter(([, { moves }]) => moves.length > 0));
    return {
      permutations: [...byOrder.values()],
      byOrder,
      classes: classes.map((tids) => this.#toMembers(tids)),
    };
  }

  /** As assembly/search/symmetry.ts has it. */
  #keepGroup(threads: number, { classes, byOrder }: Group): void {
    const words = [classes.length];
    for (const { tids, exchanges } of classes) {
      words.push(tids.length);
      for (const [index, tid] of tids.entries()) {
        words.push(tid, this.#blocks[tid] as number, (exchanges[index]?.id ?? -1) + 1);
      }
    }
    words.push(byOrder.size);
    for (const [order, { id }] of byOrder) words.push(order, id);
    this.#core.give(words);
    this.#core.functions.setGroup(threads, words.length);
  }

  /** Its block overlaps that of no thread before it. */
  #isApart(tid: number): boolean {
    const own = this.#blocks[tid] as number;
    return this.#blocks.every((block, other) => other >= tid || Math.abs(block - own) >= TCB_BYTES);
  }

  #toMembers(tids: readonly number[]): Members {
    const [first = 0] = tids;
    const exchanges = tids.map((tid) => {
      if (tid === first) return undefined;
      const places: number[] = [];
      places[first] = tid;
      places[tid] = first;
      return this.#permutation(places);
    });
    return { tids, exchanges };
  }

  #permutation(tids: readonly number[]): Permutation {
    const moves = tids.flatMap((to, tid) => (to === tid ? [] : [[tid, to]]));
    const name = moves.join(' ');
    let found = this.#permutations.get(name);
    if (found === undefined) {
      found = new Permutation(this.#permutations.size, tids, this.#blocks);
      this.#permutations.set(name, found);
      this.#keepPermutation(found);
    }
    return found;
  }

  /** As assembly/search/symmetry.ts has it. */
  #keepPermutation(permutation: Permutation): void {
    const { id, moves } = permutation;
    const words = moves.flatMap(({ tid, from, to }) => [tid, from, to, permutation.thread(tid)]);
    this.#permutationsById[id] = permutation;
    this.#core.give([moves.length, ...words]);
    this.#core.functions.setPermutation(id, words.length + 1);
  }

  /** The step under every permutation. */
  #verify(leaf: Leaf, state: Int32Array, action: Action, { permutations }: Group): void {
    const transitions = this.#transitions;
    const orbit = [leaf];
    setOrbit(orbit, state.length - THREADS);
    for (const permutation of permutations) {
      const other = this.#renamed(state, permutation);
      transitions.executor.isHypothetical = true;
      const image = transitions.leaf(other, permutation.action(action));
      transitions.executor.isHypothetical = false;
      if (!this.#correspond(leaf, state, image, other, permutation)) {
        this.#giveUp(permutation.moves.map(({ tid }) => this.#keys[tid]));
        return;
      }
      if (!orbit.includes(image)) orbit.push(image);
    }
    setOrbit(orbit, state.length - THREADS);
  }

  /** The one step is the other with threads in other places, in all states in which it is done. */
  #correspond(
    leaf: Leaf,
    state: Int32Array,
    image: Leaf,
    other: Int32Array,
    permutation: Permutation,
  ): boolean {
    return (
      leaf.started === image.started &&
      areReadsEqual(leaf, image, permutation) &&
      areAccessesEqual(leaf, image, permutation) &&
      isEndEqual(leaf, image, permutation) &&
      this.#isOutcomeEqual(leaf, state, image, other, permutation)
    );
  }

  #isOutcomeEqual(
    leaf: Leaf,
    state: Int32Array,
    image: Leaf,
    other: Int32Array,
    permutation: Permutation,
  ): boolean {
    if (leaf.stores.length !== image.stores.length) return false;
    for (let at = 0; at < leaf.stores.length; at += 2) {
      if (permutation.place(leaf.stores[at] as number) !== image.stores[at]) return false;
    }
    const after = this.#transitions.apply(leaf, state);
    const renamed = this.#renamed(after, permutation);
    const afterImage = this.#transitions.apply(image, other);
    return renamed.every((word, at) => word === afterImage[at]);
  }

  /** The state with threads in other places. */
  #renamed(state: Int32Array, permutation: Permutation): Int32Array {
    const core = this.#core;
    core.giveState(state);
    if (core.functions.rename(permutation.id, state.length) === 0) {
      this.#learn(state, permutation);
      core.giveState(state);
      core.functions.rename(permutation.id, state.length);
    }
    return core.renamed(state.length);
  }

  /** What the parts of a state stand for when threads have changed places. */
  #learn(state: Int32Array, permutation: Permutation): void {
    const { functions } = this.#core;
    const { id } = permutation;
    const to = new Int32Array(state.length);
    to[SHARED] = this.#imageOf(SHARED_PART, state[SHARED] as number, permutation, (shared) =>
      this.#parts.renamedShared(shared, permutation),
    );
    to[SERVICES] = this.#imageOf(SERVICES_PART, state[SERVICES] as number, permutation, (number) =>
      this.#parts.renamedServices(number, permutation),
    );
    to[CONTENT] = functions.renamedContent(state[CONTENT] as number, id);
    const places: { readonly place: number; readonly thread: number }[] = [];
    for (let tid = 1; tid <= state.length - THREADS; tid++) {
      const place = permutation.thread(tid);
      const thread = state[THREADS + tid - 1] as number;
      const known = functions.imageOf(THREAD_PART, thread, id);
      to[THREADS + place - 1] = known || this.#parts.renamedThread(thread, permutation);
      if (known === 0) places.push({ place, thread });
    }
    this.#learnThreads(to, places, permutation);
  }

  #imageOf(
    part: number,
    number: number,
    { id }: Permutation,
    rename: (number: number) => number,
  ): number {
    const { functions } = this.#core;
    const known = functions.imageOf(part, number, id);
    if (known !== 0) return known;
    const image = rename(number);
    functions.setImage(part, number, id, image);
    return image;
  }

  /** places: where threads are that have not been renamed before, and what they were. */
  #learnThreads(
    state: Int32Array,
    places: readonly { readonly place: number; readonly thread: number }[],
    { id }: Permutation,
  ): void {
    const { executor } = this.#transitions;
    const wasHypothetical = executor.isHypothetical;
    executor.isHypothetical = true;
    for (const { place, thread } of places) {
      const representative = executor.representative(place, state);
      this.#core.functions.setImage(THREAD_PART, thread, id, representative);
    }
    executor.isHypothetical = wasHypothetical;
  }
}

/** The order of members of classes as one number: one more. */
function codeOf(order: number, index: number): number {
  return order * MOST_MEMBERS + index;
}

function setOrbit(orbit: readonly Leaf[], threads: number): void {
  for (const leaf of orbit) {
    leaf.orbit = orbit;
    leaf.orbitThreads = threads;
  }
}

/** All orders of the items. */
function permuted<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permuted([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}

/** `tids`, and the member with index sorted[n] in the place of the n-th. */
function placed(
  tids: readonly number[],
  members: readonly number[],
  sorted: readonly number[],
): number[] {
  const all = [...tids];
  sorted.forEach((index, place) => {
    all[members[index] as number] = members[place] as number;
  });
  return all;
}

function areReadsEqual(leaf: Leaf, image: Leaf, permutation: Permutation): boolean {
  return (
    leaf.reads.length === image.reads.length &&
    leaf.reads.every((address, at) => permutation.place(address) === image.reads[at]) &&
    isDependenceEqual(leaf.dependence, image.dependence, permutation)
  );
}

function isDependenceEqual(one: Dependence, other: Dependence, permutation: Permutation): boolean {
  if (one === 'all' || other === 'all') return one === other;
  return (
    one.length === other.length && one.every((tid, at) => permutation.thread(tid) === other[at])
  );
}

function areAccessesEqual(leaf: Leaf, image: Leaf, permutation: Permutation): boolean {
  return (
    leaf.points === image.points &&
    leaf.services < 0 === image.services < 0 &&
    leaf.accesses.length === image.accesses.length &&
    leaf.accesses.every(({ address, isStore, agent }, at) => {
      const other = image.accesses[at];
      return (
        other?.address === permutation.place(address) &&
        other.isStore === isStore &&
        other.agent === permutation.agent(agent)
      );
    })
  );
}

function isEndEqual(leaf: Leaf, image: Leaf, permutation: Permutation): boolean {
  const [one, other] = [leaf.terminal, image.terminal];
  if (leaf.commits !== image.commits) return false;
  if (one === undefined || other === undefined) return one === other;
  return (
    one.kind === other.kind &&
    one.isOk === other.isOk &&
    one.message === other.message &&
    one.place === other.place &&
    permutation.thread(one.tid) === other.tid
  );
}
