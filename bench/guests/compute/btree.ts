// === btree: insert pseudo-random keys into a B-tree, then look as many up ==========================
//
//   node: ┌ u32 count ┬ u32 isLeaf ┬ keys[15] ┬ values[15] ┬ children[16] ┐   minimum degree 8
//
// After Cormen: full nodes are split on the way down. Argument: how many keys.

import { decimal } from '../arguments';
import { report } from '../machine';

const MAX_KEYS: u32 = 15;
const HALF: u32 = 7;

const KEYS: usize = 8;
const VALUES: usize = 8 + 60;
const CHILDREN: usize = 8 + 120;
const NODE_BYTES: usize = 8 + 120 + 64;

@unmanaged
class Node {
  count: u32;
  isLeaf: u32;

  static create(isLeaf: u32): Node {
    const node = heap.alloc(NODE_BYTES);
    memory.fill(node, 0, NODE_BYTES);
    changetype<Node>(node).isLeaf = isLeaf;
    return changetype<Node>(node);
  }

  /** Address of word `index` of the keys, but for an offset. */
  // @ts-ignore: decorator
  @inline
  word(index: u32): usize {
    return changetype<usize>(this) + ((<usize>index) << 2);
  }

  // @ts-ignore: decorator
  @inline
  key(index: u32): u32 {
    return load<u32>(this.word(index), KEYS);
  }

  // @ts-ignore: decorator
  @inline
  value(index: u32): u32 {
    return load<u32>(this.word(index), VALUES);
  }

  // @ts-ignore: decorator
  @inline
  child(index: u32): Node {
    return changetype<Node>(<usize>load<u32>(this.word(index), CHILDREN));
  }

  // @ts-ignore: decorator
  @inline
  setEntry(index: u32, key: u32, value: u32): void {
    store<u32>(this.word(index), key, KEYS);
    store<u32>(this.word(index), value, VALUES);
  }

  // @ts-ignore: decorator
  @inline
  setChild(index: u32, child: Node): void {
    store<u32>(this.word(index), <u32>changetype<usize>(child), CHILDREN);
  }
}

let root = changetype<Node>(0);

/** First index whose key is not less. */
function find(node: Node, key: u32): u32 {
  const count = node.count;
  let index: u32 = 0;
  while (index < count && node.key(index) < key) index++;
  return index;
}

/** Make room at `index`: entries from there, and children behind it, go one up. */
function shiftUp(node: Node, index: u32): void {
  for (let i = node.count; i > index; i--) {
    node.setEntry(i, node.key(i - 1), node.value(i - 1));
    node.setChild(i + 1, node.child(i));
  }
  node.count++;
}

/** The full child `index` becomes two, its middle entry moves up. */
function splitChild(parent: Node, index: u32): void {
  const left = parent.child(index);
  const right = Node.create(left.isLeaf);
  for (let i: u32 = 0; i < HALF; i++) {
    right.setEntry(i, left.key(HALF + 1 + i), left.value(HALF + 1 + i));
  }
  for (let i: u32 = 0; i <= HALF; i++) right.setChild(i, left.child(HALF + 1 + i));
  right.count = HALF;
  left.count = HALF;
  shiftUp(parent, index);
  parent.setEntry(index, left.key(HALF), left.value(HALF));
  parent.setChild(index + 1, right);
}

function insertBelow(node: Node, key: u32, value: u32): void {
  const index = find(node, key);
  if (index < node.count && node.key(index) == key) {
    node.setEntry(index, key, value);
    return;
  }
  if (node.isLeaf != 0) {
    shiftUp(node, index);
    node.setEntry(index, key, value);
    return;
  }
  if (node.child(index).count == MAX_KEYS) {
    splitChild(node, index);
    insertBelow(node, key, value);
    return;
  }
  insertBelow(node.child(index), key, value);
}

function insert(key: u32, value: u32): void {
  if (root.count == MAX_KEYS) {
    const top = Node.create(0);
    top.setChild(0, root);
    root = top;
    splitChild(root, 0);
  }
  insertBelow(root, key, value);
}

/** The value, or 0 when the key is not there. */
function lookup(key: u32): u32 {
  let node = root;
  while (true) {
    const index = find(node, key);
    if (index < node.count && node.key(index) == key) return node.value(index);
    if (node.isLeaf != 0) return 0;
    node = node.child(index);
  }
}

/** Half of the keys looked up were inserted. */
export function main(): i32 {
  const count: u32 = decimal(0, 1000);
  root = Node.create(1);
  let state: u32 = 1;
  for (let i: u32 = 1; i <= count; i++) {
    state = state * 1664525 + 1013904223;
    insert(state >>> 8, i);
  }
  let sum: u32 = 0;
  state = 1;
  for (let i: u32 = 1; i <= count; i++) {
    state = state * 1664525 + 1013904223;
    const key = (i & 1) == 0 ? state >>> 8 : (state >>> 8) ^ 0x555555;
    sum = (sum ^ lookup(key)) * 16777619;
  }
  report(sum);
  return 0;
}
