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

import { TCB_BYTES, TCB_TID } from '../abi/thread.js';
import { type Action } from './action.js';
import { type Dependence } from './dependence.js';
import { finish, HIGH_SEED, LOW_SEED, mix } from './hash.js';
import { enlarged } from './interner.js';
import { LINE_BYTES } from './memory-states.js';
import { Permutation } from './permutation.js';
import { CONTENT, SERVICES, SHARED, THREADS } from './state.js';
import type { StateParts } from './state-parts.js';
import type { Leaf, Transitions } from './transitions.js';

/** Permutations that every step is executed for, at most: all of four threads. */
const MOST_PERMUTATIONS = 24;
/** Of a class: there would be more permutations. */
const MOST_MEMBERS = 4;
const BLOCK_LINES = TCB_BYTES / LINE_BYTES;
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
  /** Classes that are none. */
  readonly #asymmetric: Set<string>;
  /** By tid: the class, and where the control block is. */
  readonly #keys: (string | undefined)[] = [];
  readonly #blocks: number[] = [];
  /** By number of threads. */
  readonly #groups: (Group | undefined)[] = [];
  readonly #permutations = new Map<string, Permutation>();
  /** What becomes of threads, of what is shared, of the services and of the content of memory. */
  readonly #threads = new Images();
  readonly #shared = new Images();
  readonly #services = new Images();
  readonly #contents = new Images();
  /** By where a line is: what becomes of it, and 1. */
  readonly #lines: (Images | undefined)[] = [];
  #from: Int32Array = new Int32Array(64);
  #to: Int32Array = new Int32Array(64);
  #after: Int32Array = new Int32Array(64);
  /** Of the members of a class, what each thread would be in the place of the first. */
  readonly #likes = new Int32Array(MOST_MEMBERS);
  readonly #sorted = new Int32Array(MOST_MEMBERS);
  /** A class has been given up: what was left out because of it has to be looked at. */
  isMistaken = false;

  /** asymmetric: classes that have been given up before. */
  constructor(transitions: Transitions, asymmetric: Iterable<string>) {
    this.#transitions = transitions;
    this.#parts = transitions.executor.parts;
    this.#asymmetric = new Set(asymmetric);
  }

  get asymmetric(): readonly string[] {
    return [...this.#asymmetric].sort();
  }

  /** It has begun with these classes given up, and no other has been since. */
  hasGivenUp(asymmetric: readonly string[]): boolean {
    return !this.isMistaken && this.asymmetric.join() === asymmetric.join();
  }

  /** A step is done: threads that it starts may be like others. states[from ..] is the state before it. */
  pass(leaf: Leaf, states: Int32Array, from: number, length: number, action: Action): void {
    const threads = length - THREADS;
    if (leaf.orbitThreads >= threads) return;
    const group = this.#group(threads);
    if (group.permutations.length === 0) setOrbit([leaf], threads);
    else this.#verify(leaf, states.slice(from, from + length), action, group);
    if (leaf.started === 0) return;
    const content = this.#transitions.contentAfter(leaf, states[from + CONTENT] as number);
    for (let at = 0; at < leaf.changes.length; at += 2) {
      const index = leaf.changes[at] as number;
      if (index >= length) this.#meet(index - THREADS + 1, leaf.changes[at + 1] as number, content);
    }
  }

  /** Put in the place of a state the one that stands for it. */
  canonicalize(states: Int32Array, length: number): void {
    const group = this.#group(length - THREADS);
    if (group.classes.length === 0) return;
    let order = 0;
    for (let index = 0; index < group.classes.length; index++) {
      order = this.#sort(states, length, group.classes[index] as Members, order);
    }
    const permutation = group.byOrder.get(order);
    if (permutation === undefined) return;
    this.#to = roomFor(this.#to, length);
    this.#rename(states, length, permutation, this.#to);
    for (let index = 0; index < length; index++) states[index] = this.#to[index] as number;
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
    } else if (known !== key || this.#blocks[tid] !== threadPointer) {
      // It is another one, depending on what came before.
      this.#giveUp([known, key]);
    }
  }

  /** What a thread is like: equal for threads of a class. '' when it has no control block that it could be told by. */
  #keyOf(thread: number, block: number, content: number): string {
    const { memory, booted } = this.#transitions.executor;
    const isBlock =
      block > 0 && block % LINE_BYTES === 0 && block + TCB_BYTES <= booted.guest.memory.sizeBytes;
    if (!isBlock) return '';
    const moved = (word: number): number =>
      word >>> 0 >= block && word >>> 0 < block + TCB_BYTES ? word - block + NOWHERE : word;
    const words = this.#parts.renamedWords(thread, {
      thread: () => 0,
      address: moved,
    });
    let low = LOW_SEED;
    let high = HIGH_SEED;
    const add = (word: number): void => {
      low = mix(low, word);
      high = mix(high, word);
    };
    words.forEach(add);
    for (let offset = 0; offset < TCB_BYTES; offset += 4) {
      if (offset !== TCB_TID) add(moved(memory.read(content, block + offset)));
    }
    return [finish(low), finish(high)].map((lane) => (lane >>> 0).toString(16)).join('-');
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
    if (threads < 3) return NOBODY;
    return (this.#groups[threads] ??= this.#makeGroup(threads));
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
    }
    return found;
  }

  /** The step under every permutation. */
  #verify(leaf: Leaf, state: Int32Array, action: Action, { permutations }: Group): void {
    const transitions = this.#transitions;
    const orbit = [leaf];
    setOrbit(orbit, state.length - THREADS);
    for (const permutation of permutations) {
      const other = new Int32Array(state.length);
      this.#rename(state, state.length, permutation, other);
      transitions.executor.isHypothetical = true;
      const image = transitions.leaf(other, 0, other.length, permutation.action(action));
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
    const length = state.length + leaf.started;
    this.#from = roomFor(this.#from, length);
    this.#to = roomFor(this.#to, length);
    this.#after = roomFor(this.#after, length);
    this.#transitions.apply(leaf, state, 0, state.length, this.#from);
    this.#transitions.apply(image, other, 0, other.length, this.#to);
    this.#rename(this.#from, length, permutation, this.#after);
    for (let at = 0; at < length; at++) if (this.#after[at] !== this.#to[at]) return false;
    return true;
  }

  /** The state with threads in other places, into `to`. */
  #rename(states: Int32Array, length: number, permutation: Permutation, to: Int32Array): void {
    to[SHARED] = this.#renamedShared(states[SHARED] as number, permutation);
    to[SERVICES] = this.#renamedServices(states[SERVICES] as number, permutation);
    to[CONTENT] = this.#renamedContent(states[CONTENT] as number, permutation);
    let hasNew = false;
    for (let tid = 1; tid <= length - THREADS; tid++) {
      const thread = states[THREADS + tid - 1] as number;
      const known = this.#threads.get(thread, permutation);
      hasNew ||= known === 0;
      to[THREADS + permutation.thread(tid) - 1] = known;
    }
    if (hasNew) this.#renameThreads(states, length, permutation, to);
  }

  /** The same for threads that have not been there before; `to` has 0 for them. */
  #renameThreads(
    states: Int32Array,
    length: number,
    permutation: Permutation,
    to: Int32Array,
  ): void {
    const { executor } = this.#transitions;
    const places: { readonly place: number; readonly thread: number }[] = [];
    for (let tid = 1; tid <= length - THREADS; tid++) {
      const place = permutation.thread(tid);
      if (to[THREADS + place - 1] !== 0) continue;
      const thread = states[THREADS + tid - 1] as number;
      to[THREADS + place - 1] = this.#parts.renamedThread(thread, permutation);
      places.push({ place, thread });
    }
    const state = to.slice(0, length);
    const wasHypothetical = executor.isHypothetical;
    executor.isHypothetical = true;
    for (const { place, thread } of places) {
      const representative = executor.representative(place, state);
      this.#threads.set(thread, permutation, representative);
      to[THREADS + place - 1] = representative;
    }
    executor.isHypothetical = wasHypothetical;
  }

  #renamedShared(shared: number, permutation: Permutation): number {
    const known = this.#shared.get(shared, permutation);
    if (known !== 0) return known;
    const result = this.#parts.renamedShared(shared, permutation);
    this.#shared.set(shared, permutation, result);
    return result;
  }

  #renamedServices(services: number, permutation: Permutation): number {
    const known = this.#services.get(services, permutation);
    if (known !== 0) return known;
    const result = this.#parts.renamedServices(services, permutation);
    this.#services.set(services, permutation, result);
    return result;
  }

  #renamedContent(content: number, permutation: Permutation): number {
    const known = this.#contents.get(content, permutation);
    if (known !== 0) return known;
    const { memory } = this.#transitions.executor;
    let result = content;
    for (const { tid, from, to } of permutation.moves) {
      for (let index = 0; index < BLOCK_LINES; index++) {
        const offset = index * LINE_BYTES;
        const line = memory.line(content, from + offset);
        const moved = this.#renamedLine(line, permutation, tid, from, to, offset);
        result = memory.replaceLine(result, to + offset, moved);
      }
    }
    this.#contents.set(content, permutation, result);
    return result;
  }

  /** Of the block of thread `tid`, the line at `offset`. */
  #renamedLine(
    line: number,
    permutation: Permutation,
    tid: number,
    from: number,
    to: number,
    offset: number,
  ): number {
    const where = tid * BLOCK_LINES + offset / LINE_BYTES;
    const images = (this.#lines[where] ??= new Images());
    const known = images.get(line, permutation);
    if (known !== 0) return known - 1;
    const { memory } = this.#transitions.executor;
    const words = memory
      .lineWords(line, from + offset)
      .map((word, at) => permutation.blockWord(offset + at * 4, word));
    const result = memory.lineOf(words, to + offset);
    images.set(line, permutation, result + 1);
    return result;
  }

  /**
   * The order of the members of a class by what they are like, of those that are alike by how they queue, added
   * to `order`.
   */
  #sort(states: Int32Array, length: number, members: Members, order: number): number {
    const { length: count } = members.tids;
    const sorted = this.#sorted;
    for (let index = 0; index < count; index++) {
      this.#likes[index] = this.#likeness(states, length, members, index);
      let at = index;
      while (at > 0 && this.#compare(states, members, sorted[at - 1] as number, index) > 0) {
        sorted[at] = sorted[at - 1] as number;
        at--;
      }
      sorted[at] = index;
    }
    let code = order;
    for (let at = 0; at < count; at++) code = code * MOST_MEMBERS + (sorted[at] as number);
    return code;
  }

  /** What the member's thread would be in the place of the first. */
  #likeness(
    states: Int32Array,
    length: number,
    { tids, exchanges }: Members,
    index: number,
  ): number {
    const tid = tids[index] as number;
    const thread = states[THREADS + tid - 1] as number;
    const exchange = exchanges[index];
    if (exchange === undefined) return thread;
    const known = this.#threads.get(thread, exchange);
    if (known !== 0) return known;
    const other = new Int32Array(length);
    this.#rename(states, length, exchange, other);
    return other[THREADS + exchange.thread(tid) - 1] as number;
  }

  /** What a line of the member's block would be in that of the first. */
  #lineLikeness(
    content: number,
    { tids, exchanges }: Members,
    index: number,
    offset: number,
  ): number {
    const tid = tids[index] as number;
    const block = this.#blocks[tid] as number;
    const line = this.#transitions.executor.memory.line(content, block + offset);
    const exchange = exchanges[index];
    if (exchange === undefined) return line;
    const to = this.#blocks[tids[0] as number] as number;
    return this.#renamedLine(line, exchange, tid, block, to, offset);
  }

  #compare(states: Int32Array, members: Members, one: number, other: number): number {
    const { memory } = this.#transitions.executor;
    const { threads } = this.#parts;
    const a = this.#likes[one] as number;
    const b = this.#likes[other] as number;
    if (a !== b) {
      return threads.low(a) - threads.low(b) || threads.high(a) - threads.high(b) || a - b;
    }
    const content = states[CONTENT] as number;
    for (let offset = 0; offset < TCB_BYTES; offset += LINE_BYTES) {
      const line = this.#lineLikeness(content, members, one, offset);
      const second = this.#lineLikeness(content, members, other, offset);
      if (line === second) continue;
      return (
        memory.lineLow(line) - memory.lineLow(second) ||
        memory.lineHigh(line) - memory.lineHigh(second) ||
        line - second
      );
    }
    const { tids } = members;
    const queued = this.#parts.queued(states[SERVICES] as number);
    return queued.indexOf(tids[one] as number) - queued.indexOf(tids[other] as number);
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

/** By permutation, what a number stands for when threads have changed places; 0 while it is not known. */
class Images {
  readonly #byPermutation: (Int32Array | undefined)[] = [];

  get(number: number, { id }: Permutation): number {
    return this.#byPermutation[id]?.[number] ?? 0;
  }

  set(number: number, { id }: Permutation, image: number): void {
    let images = this.#byPermutation[id] ?? new Int32Array(64);
    while (number >= images.length) images = enlarged(images);
    this.#byPermutation[id] = images;
    images[number] = image;
  }
}

function roomFor(words: Int32Array, length: number): Int32Array {
  return words.length < length ? new Int32Array(length * 2) : words;
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
