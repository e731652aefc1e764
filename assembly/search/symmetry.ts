// Threads that change places: what becomes of a state, and which of those that differ by that stands for
// them: src/check/symmetry.ts.

import { TCB_BYTES, TCB_TID } from '../../src/abi/thread';
import {
  MOST_MEMBERS,
  SERVICES_PART,
  SHARED_PART,
  THREAD_PART,
} from '../../src/check/search-layout';
import { CONTENT, SERVICES, SHARED, THREADS } from '../../src/check/state';
import { Interner } from './interner';
import { LINE_BYTES, lineAt, lineOf, lines, lineWords, replaceLine } from './memory-states';
import { Triples } from './triples';
import { other, threads, vector } from './vector';
import { allocate, copy, load32, Numbers, store32 } from './words';

const LINE_WORDS: i32 = LINE_BYTES / 4;
const BLOCK_LINES: i32 = TCB_BYTES / LINE_BYTES;

const CONTENT_PART: i32 = 3;
const PARTS: i32 = 4;

/** Addresses, by id: how many threads move, then for each MOVE_WORDS. */
const permutations: Numbers = new Numbers();
/** The thread, where its block is, where that goes, and the thread in whose place it comes. */
const MOVED: i32 = 0;
const BLOCK_FROM: i32 = 1;
const BLOCK_TO: i32 = 2;
const PLACE: i32 = 3;
const MOVE_WORDS: i32 = 4;
/** Addresses of Numbers, by permutation and part: what a number stands for when threads have changed places. */
const images: Numbers = new Numbers();
/** Of lines of blocks: by thread and offset, line, and permutation. */
const lineKeys: Triples = new Triples();
const lineImages: Numbers = new Numbers();
/**
 * Addresses, by number of threads: how many classes, then for each how many members and their MEMBER_WORDS; then how
 * many orders, and each with the permutation that it takes.
 */
const groups: Numbers = new Numbers();
/** The thread, where its block is, and the permutation that exchanges it with the first, and 1; 0 for that. */
const MEMBER: i32 = 0;
const MEMBER_BLOCK: i32 = 1;
const EXCHANGE: i32 = 2;
const MEMBER_WORDS: i32 = 3;
/** Addresses, by number of services: how many threads are in queues, and they, first come first. */
const queues: Numbers = new Numbers();

/** Of the members of a class, what each thread would be in the place of the first. */
const likes: usize = memory.data(4 * MOST_MEMBERS, 4);
const sorted: usize = memory.data(4 * MOST_MEMBERS, 4);
const line: usize = memory.data(LINE_BYTES, 4);
/** The permutation of which some image was not known. */
let unknown: i32 = 0;

/** Put down words at `from`: of a permutation, of the group of so many threads, or of queues of services. */
export function setPermutation(id: i32, from: usize, words: i32): void {
  permutations.set(id, keep(from, words));
  for (let part = 0; part < PARTS; part++) {
    images.set(id * PARTS + part, <i32>changetype<usize>(new Numbers()));
  }
}

export function setGroup(threads: i32, from: usize, words: i32): void {
  groups.set(threads, keep(from, words));
}

export function forgetGroups(): void {
  groups.clear();
}

export function setQueues(services: i32, from: usize, words: i32): void {
  queues.set(services, keep(from, words));
}

/** What a part stands for, 0 when it is not known. */
export function imageOf(part: i32, number: i32, permutation: i32): i32 {
  return imagesOf(part, permutation).get(number);
}

export function setImage(part: i32, number: i32, permutation: i32, image: i32): void {
  imagesOf(part, permutation).set(number, image);
}

/** Nothing is known of as many threads. */
export const NO_GROUP: i32 = -1;

/**
 * Put in the place of the state the one that stands for it. Returns 0; or NO_GROUP, or the permutation, and 1, of which
 * some image is not known: the state is as it was.
 */
export function canonicalize(length: i32): i32 {
  const group = <usize>groups.get(length - THREADS);
  if (group === 0) return NO_GROUP;
  let at = 1;
  let order = 0;
  for (let left = load32(group, 0); left > 0; left--) {
    const count = load32(group, at);
    const members = group + ((<usize>(at + 1)) << 2);
    order = sort(members, count, order);
    if (order < 0) return unknown + 1;
    at += 1 + count * MEMBER_WORDS;
  }
  const permutation = permutationOf(group + ((<usize>at) << 2), order);
  if (permutation < 0) return 0;
  if (!rename(permutation, length)) return permutation + 1;
  copy(vector, other, length);
  return 0;
}

/** The state with threads in other places, into `other`; false when what some of it stands for is not known. */
export function rename(permutation: i32, length: i32): bool {
  const newShared = imageOf(SHARED_PART, load32(vector, SHARED), permutation);
  const newServices = imageOf(SERVICES_PART, load32(vector, SERVICES), permutation);
  if (newShared === 0 || newServices === 0) return false;
  const images = imagesOf(THREAD_PART, permutation);
  for (let at = THREADS; at < length; at++) {
    const image = images.get(load32(vector, at));
    if (image === 0) return false;
    store32(other, at, image);
  }
  const moves = <usize>permutations.get(permutation);
  for (let left = load32(moves, 0), move = moves + 4; left > 0; left--, move += MOVE_WORDS * 4) {
    const from = THREADS + load32(move, MOVED) - 1;
    const to = THREADS + load32(move, PLACE) - 1;
    if (from < length) store32(other, to, images.get(load32(vector, from)));
  }
  store32(other, SHARED, newShared);
  store32(other, SERVICES, newServices);
  store32(other, CONTENT, renamedContent(load32(vector, CONTENT), permutation));
  return true;
}

function keep(from: usize, words: i32): i32 {
  const at = allocate(words);
  copy(at, from, words);
  return <i32>at;
}

// @ts-ignore: decorator
@inline
function imagesOf(part: i32, permutation: i32): Numbers {
  return changetype<Numbers>(<usize>images.get(permutation * PARTS + part));
}

/** What is in memory when threads have changed places. */
export function renamedContent(content: i32, permutation: i32): i32 {
  const contentImages = imagesOf(CONTENT_PART, permutation);
  const known = contentImages.get(content);
  if (known !== 0) return known - 1;
  let result = content;
  const moves = <usize>permutations.get(permutation);
  for (let left = load32(moves, 0), move = moves + 4; left > 0; left--, move += MOVE_WORDS * 4) {
    const from = load32(move, BLOCK_FROM);
    const to = load32(move, BLOCK_TO);
    for (let offset = 0; offset < TCB_BYTES; offset += LINE_BYTES) {
      const old = lineAt(content, from + offset);
      const moved = renamedLine(old, permutation, load32(move, MOVED), from, to, offset);
      result = replaceLine(result, to + offset, moved);
    }
  }
  contentImages.set(content, result + 1);
  return result;
}

/** Of the block of thread `tid`, the line at `offset`. */
function renamedLine(old: i32, permutation: i32, tid: i32, from: u32, to: u32, offset: i32): i32 {
  const key = lineKeys.numberOf(tid * BLOCK_LINES + offset / LINE_BYTES, old, permutation);
  const known = lineImages.get(key);
  if (known !== 0) return known - 1;
  copy(line, lineWords(old, from + offset), LINE_WORDS);
  for (let at = 0; at < LINE_WORDS; at++) {
    const word = load32(line, at);
    const isTid = offset + at * 4 === TCB_TID;
    store32(line, at, isTid ? renamedThread(word, permutation) : renamedAddress(word, permutation));
  }
  const result = lineOf(line, to + offset);
  lineImages.set(key, result + 1);
  return result;
}

function renamedThread(tid: i32, permutation: i32): i32 {
  const moves = <usize>permutations.get(permutation);
  for (let left = load32(moves, 0), move = moves + 4; left > 0; left--, move += MOVE_WORDS * 4) {
    if (load32(move, MOVED) === tid) return load32(move, PLACE);
  }
  return tid;
}

/** A word that is an address in a block moves with it; others may be anything and stay. */
function renamedAddress(word: i32, permutation: i32): i32 {
  const moves = <usize>permutations.get(permutation);
  for (let left = load32(moves, 0), move = moves + 4; left > 0; left--, move += MOVE_WORDS * 4) {
    const offset = word - load32(move, BLOCK_FROM);
    if (<u32>offset < <u32>TCB_BYTES) return load32(move, BLOCK_TO) + offset;
  }
  return word;
}

/** The permutation that puts members in that order, or -1: they are. */
function permutationOf(orders: usize, order: i32): i32 {
  for (let left = load32(orders, 0), at = 1; left > 0; left--, at += 2) {
    if (load32(orders, at) === order) return load32(orders, at + 1);
  }
  return -1;
}

/**
 * The order of the members of a class by what they are like, of those that are alike by how they queue, added
 * to `order`; -1 when it is not known what one is like.
 */
function sort(members: usize, count: i32, order: i32): i32 {
  for (let index = 0; index < count; index++) {
    const like = likeness(members, index);
    if (like === 0) return -1;
    store32(likes, index, like);
    let at = index;
    while (at > 0 && compare(members, load32(sorted, at - 1), index) > 0) {
      store32(sorted, at, load32(sorted, at - 1));
      at--;
    }
    store32(sorted, at, index);
  }
  let code = order;
  for (let at = 0; at < count; at++) code = code * MOST_MEMBERS + load32(sorted, at);
  return code;
}

// @ts-ignore: decorator
@inline
function memberWord(members: usize, index: i32, word: i32): i32 {
  return load32(members, index * MEMBER_WORDS + word);
}

/** What the member's thread would be in the place of the first, 0 when that is not known. */
function likeness(members: usize, index: i32): i32 {
  const thread = load32(vector, THREADS + memberWord(members, index, MEMBER) - 1);
  const exchange = memberWord(members, index, EXCHANGE) - 1;
  if (exchange < 0) return thread;
  unknown = exchange;
  return imageOf(THREAD_PART, thread, exchange);
}

/** What a line of the member's block would be in that of the first. */
function lineLikeness(members: usize, index: i32, offset: i32): i32 {
  const block = memberWord(members, index, MEMBER_BLOCK);
  const own = lineAt(load32(vector, CONTENT), block + offset);
  const exchange = memberWord(members, index, EXCHANGE) - 1;
  if (exchange < 0) return own;
  const tid = memberWord(members, index, MEMBER);
  return renamedLine(own, exchange, tid, block, memberWord(members, 0, MEMBER_BLOCK), offset);
}

function compare(members: usize, one: i32, second: i32): i32 {
  const a = load32(likes, one);
  const b = load32(likes, second);
  if (a !== b) return inOrder(threads, a, b);
  for (let offset = 0; offset < TCB_BYTES; offset += LINE_BYTES) {
    const mine = lineLikeness(members, one, offset);
    const its = lineLikeness(members, second, offset);
    if (mine !== its) return inOrder(lines, mine, its);
  }
  const own = load32(vector, SERVICES);
  const place = placeIn(own, memberWord(members, one, MEMBER));
  return place - placeIn(own, memberWord(members, second, MEMBER));
}

/** Two tuples by their fingerprints, which are the same in every process. */
function inOrder(tuples: Interner, one: i32, second: i32): i32 {
  const low = tuples.low(one);
  const high = tuples.high(one);
  if (low !== tuples.low(second)) return low < tuples.low(second) ? -1 : 1;
  if (high !== tuples.high(second)) return high < tuples.high(second) ? -1 : 1;
  return one < second ? -1 : 1;
}

/** Where in the queues a thread is, -1 when in none. */
function placeIn(ownServices: i32, tid: i32): i32 {
  const queue = <usize>queues.get(ownServices);
  if (queue === 0) return -1;
  const count = load32(queue, 0);
  for (let at = 0; at < count; at++) if (load32(queue, at + 1) === tid) return at;
  return -1;
}
