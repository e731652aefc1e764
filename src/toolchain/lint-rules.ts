// The rules that a section can break without being refused: each looks at what section-flow.ts has
// found out about one section. None is a proof. Where it cannot be told whether something is wrong, a
// rule says nothing; docs/checking.md lists what goes unseen.
//
// A store that the commit does not make visible all at once is the heart of it. A store E that another
// store C follows is speculative, and may be done again, when
//
//   published   C stores what E's address was computed from      node.next = head; head = node
//   indexed     E's address was computed from what C replaces    slots[index] = item; index = index + 1
//   vacant      what C replaces is known to be 0                 if (!slot.key) { slot.n = 1; slot.key = key }
//
// or when a speculative store between them publishes it. The commits of a section are the stores that can
// be the last and are not speculative.

import type { Ref } from './binaryen.js';
import type { Event, SectionFlow } from './section-flow.js';
import { arithmetic, dependsOn, isLoadOf, type Place, reach, type Value } from './values.js';

/** The rules by name, and what each asks for. */
export const RULES = {
  'commit-not-last': 'nothing that can be observed follows the commit',
  'two-commits': 'one store per path makes the operation visible',
  'stale-cpu-id': 'the CPU is read in the section that uses it for an address',
  'stale-percpu-value': 'what is stored is computed from what the section itself has read',
  'early-store': 'before the commit, stores go only where nobody looks yet',
  'restart-skips-init':
    'restart() comes before the initialisation of locals that the section changes',
} as const;

export type RuleName = keyof typeof RULES;

/** What a rule has found: where, and where else one has to look. */
export interface Hit {
  readonly rule: RuleName;
  /** The expression that is wrong. */
  readonly ref: Ref;
  /** What is wrong with it; `@` stands for the place of `other`. */
  readonly message: string;
  readonly other: Ref;
}

/** localName: what the source calls a local. */
export function applyRules(flow: SectionFlow, localName: (local: number) => string): Hit[] {
  const stores = new Stores(flow);
  return [
    ...afterCommit(flow, stores),
    ...beforeCommit(stores),
    ...staleCpuIds(flow),
    ...stalePercpuValues(flow),
    ...skippedInits(flow, localName),
  ];
}

// --- commit-not-last

function afterCommit({ events, exit }: SectionFlow, stores: Stores): Hit[] {
  const hits: Hit[] = [];
  for (const commit of stores.commits) {
    const isCommit = (event: Event): boolean => stores.commits.has(event);
    for (const event of follow(commit, (each) => !isCommit(each))) {
      if (!events.includes(event) || event.kind === 'set' || isCommit(event)) continue;
      const later = follow(event, (each) => !isCommit(each));
      // On the way round to a commit, it is a matter of that.
      if (!later.has(exit) || [...later].some(isCommit)) continue;
      hits.push({
        rule: 'commit-not-last',
        ref: event.ref,
        message: `${describe(event)} behind the commit @: a thread interrupted here does the section again`,
        other: commit.ref,
      });
    }
  }
  return hits;
}

function describe({ kind }: Event): string {
  return kind === 'loop' ? 'a loop' : `a ${kind}`;
}

// --- two-commits, early-store

function beforeCommit(stores: Stores): Hit[] {
  const hits: Hit[] = [];
  const told = new Set<Event>();
  for (const commit of stores.commits) {
    for (const early of stores.before(commit)) {
      if (told.has(early) || stores.isSpeculative(early, commit)) continue;
      const rule = boundary(early, commit);
      if (rule === undefined) continue;
      told.add(early);
      const message = `${EARLY[rule]}: an interruption between them leaves half of the operation`;
      hits.push({ rule, ref: early.ref, message, other: commit.ref });
    }
  }
  return hits;
}

const EARLY = {
  'two-commits': 'a store before the commit @ that can be seen by itself',
  'early-store': "a store before the commit @ to memory that is not this CPU's",
} as const;

/**
 * Which rule a store breaks that is not speculative. Beside the commit, or in this CPU's memory, it is a
 * commit of its own; at a fixed place it is early; through a pointer of which nothing is known, it may
 * be to the caller's scratch, but not if it updates what it finds there.
 */
function boundary(early: Event, commit: Event): keyof typeof EARLY | undefined {
  const place = early.place as Place;
  if (place.isBeside(commit.place as Place) || dependsOn(place.address, 'cpu'))
    return 'two-commits';
  const isScratch = dependsOn(place.address, 'unknown') && !isUpdate(early);
  return isScratch ? undefined : 'early-store';
}

/** Done again, it does something else. */
function isUpdate({ place, value }: Event): boolean {
  return [...arithmetic(value as Value)].some((part) => isLoadOf(part, place as Place));
}

/** The stores of a section to memory that other threads see, and the order they come in. */
class Stores {
  readonly commits: ReadonlySet<Event>;
  readonly #all: readonly Event[];
  readonly #comparisons;
  readonly #speculative = new Map<Event, ReadonlySet<Event>>();
  readonly #later = new Map<Event, ReadonlySet<Event>>();

  constructor({ events, exit, comparisons }: SectionFlow) {
    this.#comparisons = comparisons;
    this.#all = events.filter((event) => event.kind === 'store' && !isThreadLocal(event));
    const isStore = new Set(this.#all);
    const last = this.#all.filter((store) => follow(store, (e) => !isStore.has(e)).has(exit));
    this.commits = new Set(last.filter((store) => !this.#isOnlyTried(store, last)));
  }

  /** A store that is the last where the section gives up, and speculative where it goes on. */
  #isOnlyTried(store: Event, last: readonly Event[]): boolean {
    const later = last.filter((each) => each !== store && this.#after(store).has(each));
    return later.length > 0 && later.every((each) => this.isSpeculative(store, each));
  }

  /** The stores that `commit` may follow; it may be one of them itself. */
  before(commit: Event): Event[] {
    return this.#all.filter((store) => this.#after(store).has(commit));
  }

  isSpeculative(early: Event, commit: Event): boolean {
    let speculative = this.#speculative.get(commit);
    if (speculative === undefined) {
      speculative = this.#speculativeFor(commit);
      this.#speculative.set(commit, speculative);
    }
    return speculative.has(early);
  }

  #speculativeFor(commit: Event): ReadonlySet<Event> {
    const before = this.before(commit);
    const speculative = new Set(before.filter((early) => this.#isTiedTo(early, commit)));
    // What one publishes that is found later is speculative too.
    for (const between of speculative) {
      for (const early of before) {
        const isBefore = between !== commit && this.#after(early).has(between);
        if (isBefore && isPublished(early.place as Place, between)) speculative.add(early);
      }
    }
    return speculative;
  }

  #isTiedTo(early: Event, commit: Event): boolean {
    const isClear = isPublished(early.place as Place, commit) || isVacant(early, commit);
    return isClear || this.#isIndexed(early, commit);
  }

  #after(store: Event): ReadonlySet<Event> {
    let events = this.#later.get(store);
    if (events === undefined) {
      events = follow(store);
      this.#later.set(store, events);
    }
    return events;
  }

  /** What was compared with a load of the commit's place is as good as the load. */
  #isIndexed(early: Event, commit: Event): boolean {
    const place = commit.place as Place;
    const sources = [...reach((early.place as Place).address, () => true)];
    if (sources.some((source) => isLoadOf(source, place))) return true;
    const shapes = new Set(sources.filter(isVariable).map(({ shape }) => shape));
    return this.#comparisons.some(
      ([left, right]) =>
        (isLoadOf(left, place) && shapes.has(right.shape)) ||
        (isLoadOf(right, place) && shapes.has(left.shape)),
    );
  }
}

function isPublished({ address }: Place, commit: Event): boolean {
  const pointers = [...arithmetic(address)].filter(isVariable);
  const shapes = new Set(pointers.map(({ shape }) => shape));
  return [...arithmetic(commit.value as Value)].some((part) => shapes.has(part.shape));
}

function isVacant(early: Event, commit: Event): boolean {
  return [...early.zeros].some((zero) => isLoadOf(zero, commit.place as Place));
}

function isVariable({ kind }: Value): boolean {
  return kind !== 'const' && kind !== 'global';
}

function isThreadLocal({ place }: Event): boolean {
  return [...arithmetic((place as Place).address)].some(({ kind }) => kind === 'thread');
}

// --- stale-cpu-id

function staleCpuIds(flow: SectionFlow): Hit[] {
  const hits: Hit[] = [];
  for (const { place, ref } of flow.events) {
    if (place === undefined) continue;
    for (const source of arithmetic(place.address)) {
      if (source.kind !== 'cpu' || source.section === flow.section) continue;
      if (isVerified(flow, source)) continue;
      const message = `${source.name} before start(), for an address used @: the thread may have moved to another CPU`;
      hits.push({ rule: 'stale-cpu-id', ref: source.ref, message, other: ref });
    }
  }
  return hits;
}

// --- stale-percpu-value

function stalePercpuValues(flow: SectionFlow): Hit[] {
  const hits: Hit[] = [];
  const stores = flow.events.filter(({ kind }) => kind === 'store');
  const isOverwritten = (source: Value): boolean =>
    stores.some(({ place }) => isLoadOf(source, place as Place));
  for (const store of stores) {
    const direct = [store.place?.address, store.value].flatMap((each) => loadsOutside(each, flow));
    // In a node that was made ready outside, and that the store publishes as it is.
    const prepared = flow.prepared.filter(
      ({ place }) => isPublished(place, store) && !stores.some((each) => each.place?.equals(place)),
    );
    const carried = prepared.flatMap(({ value }) => loadsOutside(value, flow));
    const stale = [
      ...direct.filter((source) => isPercpu(source) || isOverwritten(source)),
      ...carried.filter(isOverwritten),
    ];
    for (const source of stale) {
      if (isVerified(flow, source)) continue;
      const message = `a load before start(), for the store @: another thread may have changed what it found`;
      hits.push({ rule: 'stale-percpu-value', ref: source.ref, message, other: store.ref });
    }
  }
  return hits;
}

/** Loads that stand outside every section: what an earlier section has found is its result. */
function loadsOutside(value: Value | undefined, { section }: SectionFlow): Value[] {
  if (value === undefined) return [];
  const sources = reach(value, (each) => each.kind !== 'load' || each.section === section);
  return [...sources].filter((each) => each.kind === 'load' && each.section === undefined);
}

/** From the data of the CPU that the thread was on; a CPU that a section has found is no guess. */
function isPercpu(load: Value): boolean {
  const sources = reach(load, ({ section }) => section === undefined);
  return [...sources].some(({ kind, section }) => kind === 'cpu' && section === undefined);
}

/** Compared in the section with something the section has read. */
function isVerified({ comparisons, section }: SectionFlow, source: Value): boolean {
  const isFresh = (value: Value): boolean =>
    [...reach(value, () => true)].some(
      (each) => (each.kind === 'cpu' || each.kind === 'load') && each.section === section,
    );
  return comparisons.some(
    ([left, right]) =>
      (arithmetic(left).has(source) && isFresh(right)) ||
      (arithmetic(right).has(source) && isFresh(left)),
  );
}

// --- restart-skips-init

function skippedInits(
  { section, events, carried }: SectionFlow,
  localName: (local: number) => string,
): Hit[] {
  const changed = new Set<number>();
  for (const event of events) {
    if (event.kind !== 'set' || !carried.has(event.local)) continue;
    // Behind the last point, nothing sends the thread back.
    if ([...follow(event)].some(isPoint)) changed.add(event.local);
  }
  return [...changed].map((local) => ({
    rule: 'restart-skips-init',
    ref: section.restartCall,
    message: `restart() behind the initialisation of ${localName(local)}, which the section changes: a second try begins with what the first left`,
    other: 0,
  }));
}

function isPoint({ kind }: Event): boolean {
  return kind !== 'set' && kind !== 'exit';
}

/** Everything that may come after `event`, going on behind what `isOpen`. */
function follow(event: Event, isOpen: (event: Event) => boolean = () => true): ReadonlySet<Event> {
  const seen = new Set<Event>(event.after);
  for (const each of seen) if (isOpen(each)) for (const next of each.after) seen.add(next);
  return seen;
}
