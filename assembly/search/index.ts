// The inner part of the checker's search: what states are made of, where steps lead, and which states are one.
// In WebAssembly, as that is quick from the first call. The other side of these functions is src/check/search-core.ts.

import {
  EVENT_MASK,
  OUTCOME_IS_SETTLED,
  OUTCOME_LENGTH,
  TID_SHIFT,
} from '../../src/check/search-layout';
import { THREADS } from '../../src/check/state';
import { finish, mix } from './hash';
import { Interner } from './interner';
import * as memoryStates from './memory-states';
import * as symmetry from './symmetry';
import * as transitions from './transitions';
import * as vectors from './vector';
import { allocate, enlarge, load32, store32 } from './words';

export { compare, initialMemory, initialVariables, lineWords, read, write } from './memory-states';
export { forgetGroups, imageOf, rename, renamedContent, setImage } from './symmetry';
export {
  apply,
  child,
  contentAfter,
  find,
  kindOf,
  root,
  setNode,
  setPlain,
  threadsOf,
  valueOf,
} from './transitions';
export { clear, peek, pop, push } from './vector';
export { bytes } from './words';

const FIRST_ROOM: i32 = 256;

/** Words that come with a call. */
let given: usize = allocate(FIRST_ROOM);
let room: i32 = FIRST_ROOM;

/** Where to put so many words that come with the next call. */
export function argument(words: i32): usize {
  while (room < words) {
    given = enlarge(given, room, room * 2);
    room *= 2;
  }
  return given;
}

/** Where the state is, with room for so many words. */
export function vector(words: i32): usize {
  vectors.reserve(words);
  return vectors.vector;
}

/** Where `rename` has put its state. */
export function renamed(): usize {
  return vectors.other;
}

export function outcome(): usize {
  return vectors.outcome;
}

export function differing(): usize {
  return memoryStates.differing.at;
}

/**
 * Put in the place of the state the one that stands for it, with symmetry, and its fingerprint into `outcome`. Returns
 * 0, or as `canonicalize`.
 */
export function settle(length: i32, hasSymmetry: bool): i32 {
  const unknown = hasSymmetry ? symmetry.canonicalize(length) : 0;
  if (unknown === 0) vectors.fingerprint(length);
  return unknown;
}

/**
 * Go on by an action from the state on top of the stack, where a thread runs and that is plain: the leaf, and in
 * `outcome` the length of the state and whether it is settled. -1 where it is not so, as on a CPU that another thread
 * has, which is two steps: the state is that on top.
 */
export function advance(action: i32, length: i32, hasSymmetry: bool): i32 {
  vectors.peek(length);
  if ((action & EVENT_MASK) !== 0) return -1;
  const leaf = transitions.find(action, action >>> TID_SHIFT, length);
  if (leaf < 0 || !transitions.isPlain(leaf, length - THREADS)) return -1;
  const after = transitions.apply(leaf, length);
  store32(vectors.outcome, OUTCOME_LENGTH, after);
  store32(vectors.outcome, OUTCOME_IS_SETTLED, settle(after, hasSymmetry) === 0 ? 1 : 0);
  return leaf;
}

// Interners are known by where they are.

export function newInterner(): Interner {
  return new Interner();
}

export function threads(): Interner {
  return vectors.threads;
}

export function shared(): Interner {
  return vectors.shared;
}

export function services(): Interner {
  return vectors.services;
}

export function contents(): Interner {
  return memoryStates.contents;
}

export function size(interner: Interner): i32 {
  return interner.count;
}

export function intern(interner: Interner, words: i32): i32 {
  return interner.intern(given, words);
}

export function internAs(interner: Interner, words: i32, low: i32, high: i32): i32 {
  return interner.internAs(given, words, low, high);
}

/** What threads share: by the fingerprint of tuple given[0] of `besides`, and the words behind. */
export function internShared(besides: Interner, words: i32): i32 {
  const first = load32(given, 0);
  let low = besides.low(first);
  let high = besides.high(first);
  for (let at = 1; at < words; at++) {
    low = mix(low, load32(given, at));
    high = mix(high, load32(given, at));
  }
  return vectors.shared.internAs(given, words, finish(low), finish(high));
}

export function tuple(interner: Interner, id: i32): usize {
  return interner.tuple(id);
}

export function length(interner: Interner, id: i32): i32 {
  return interner.length(id);
}

export function low(interner: Interner, id: i32): i32 {
  return interner.low(id);
}

export function high(interner: Interner, id: i32): i32 {
  return interner.high(id);
}

/** As in memory-states.ts, of so many words that come with the call. */
export function writeAll(content: i32, words: i32): i32 {
  return memoryStates.writeAll(content, given, words);
}

export function setLeaf(index: i32): void {
  transitions.setLeaf(index, given);
}

export function setPermutation(id: i32, words: i32): void {
  symmetry.setPermutation(id, given, words);
}

export function setGroup(threads: i32, words: i32): void {
  symmetry.setGroup(threads, given, words);
}

export function setQueues(services: i32, words: i32): void {
  symmetry.setQueues(services, given, words);
}
