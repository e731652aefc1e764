// A decision tree over what steps read, from the thread and its action down to a leaf that says what becomes
// of the state: src/check/transitions.ts.

import {
  ALL_MEMORY,
  ALL_SERVICES,
  ALL_THREADS,
  LEAF,
  MOVED,
  READ,
  THREAD,
} from '../../src/check/search-layout';
import { CONTENT, SERVICES, SHARED, THREADS } from '../../src/check/state';
import { Interner } from './interner';
import { read, writeAll } from './memory-states';
import { Triples } from './triples';
import { reserve, vector } from './vector';
import { allocate, copy, load32, Numbers, store32 } from './words';

/** In the place of a thread, in a triple that is no root. */
const NO_THREAD: i32 = -1;

/** Of a root: action, shared, thread. Of others: the node above, the value that leads to it, NO_THREAD. */
const nodes: Triples = new Triples();
const kinds: Numbers = new Numbers();
const values: Numbers = new Numbers();
/** Threads as one number. */
const tuples: Interner = new Interner();

/** Words in front of a leaf's changes and stores. */
const HEAD: i32 = 6;
const AFTER_SHARED: i32 = 0;
const AFTER_SERVICES: i32 = 1;
const AFTER_CONTENT: i32 = 2;
const STARTED: i32 = 3;
const CHANGES: i32 = 4;
const STORES: i32 = 5;
const leaves: Numbers = new Numbers();
/** By leaf: as long as there are no more threads, there is nothing to it but what becomes of the state. */
const plain: Numbers = new Numbers();

export function root(action: i32, shared: i32, thread: i32): i32 {
  return nodes.numberOf(action, shared, thread);
}

export function child(node: i32, value: i32): i32 {
  return nodes.numberOf(node, value, NO_THREAD);
}

export function kindOf(node: i32): i32 {
  return kinds.get(node);
}

export function valueOf(node: i32): i32 {
  return values.get(node);
}

export function setNode(node: i32, kind: i32, value: i32): void {
  kinds.set(node, kind);
  values.set(node, value);
}

/** All threads of the state as one number. */
export function threadsOf(length: i32): i32 {
  return tuples.intern(vector + (THREADS << 2), length - THREADS);
}

/** The index of the leaf for `action` of thread `tid` in the state, or -1: nothing is known of it. */
export function find(action: i32, tid: i32, length: i32): i32 {
  const content = load32(vector, CONTENT);
  const thread = tid === 0 ? 0 : threadAt(tid, length);
  let node = nodes.find(action, load32(vector, SHARED), thread);
  while (node !== 0) {
    const value = values.get(node);
    switch (kinds.get(node)) {
      case LEAF:
        return value;
      case READ:
        node = below(node, read(content, value));
        break;
      case THREAD:
        node = below(node, threadAt(value, length));
        break;
      case ALL_THREADS:
        node = below(node, threadsOf(length));
        break;
      case ALL_MEMORY:
        node = below(node, content);
        break;
      case ALL_SERVICES:
        node = below(node, load32(vector, SERVICES));
        break;
      case MOVED:
        node = value;
        break;
      default:
        return -1;
    }
  }
  return -1;
}

/** Put down leaf `index`: at `from`, HEAD words, its changes and its stores. */
export function setLeaf(index: i32, from: usize): void {
  const words = HEAD + load32(from, CHANGES) + load32(from, STORES);
  const leaf = allocate(words);
  copy(leaf, from, words);
  leaves.set(index, <i32>leaf);
}

export function setPlain(index: i32, threads: i32): void {
  plain.set(index, threads);
}

// @ts-ignore: decorator
@inline
export function isPlain(index: i32, threads: i32): bool {
  return plain.get(index) >= threads;
}

/** The state becomes that after a leaf. Returns its length. */
export function apply(index: i32, length: i32): i32 {
  const leaf = <usize>leaves.get(index);
  const after = length + load32(leaf, STARTED);
  reserve(after);
  store32(vector, SHARED, load32(leaf, AFTER_SHARED));
  const services = load32(leaf, AFTER_SERVICES);
  if (services >= 0) store32(vector, SERVICES, services);
  store32(vector, CONTENT, contentAfter(index, load32(vector, CONTENT)));
  const end = HEAD + load32(leaf, CHANGES);
  for (let at = HEAD; at < end; at += 2) {
    store32(vector, load32(leaf, at), load32(leaf, at + 1));
  }
  return after;
}

/** What is in memory after a leaf. */
export function contentAfter(index: i32, before: i32): i32 {
  const leaf = <usize>leaves.get(index);
  const content = load32(leaf, AFTER_CONTENT);
  if (content >= 0) return content;
  const stores = leaf + ((<usize>(HEAD + load32(leaf, CHANGES))) << 2);
  return writeAll(before, stores, load32(leaf, STORES));
}

// @ts-ignore: decorator
@inline
function below(node: i32, value: i32): i32 {
  return nodes.find(node, value, NO_THREAD);
}

/** The thread's part of the state, 0 when there is none. */
function threadAt(tid: i32, length: i32): i32 {
  return THREADS + tid - 1 < length ? load32(vector, THREADS + tid - 1) : 0;
}
