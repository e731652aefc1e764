// === list: a stack of nodes per CPU. A turn pushes a node and pops one =============================
//
//   structure: ┌ u32 head ┬ u32 lock ┬ u64 head and tag ┬ ... ┐┌ nodes, 16 bytes each: u32 next ┐
//
// The atomic way is Treiber's stack: a tag next to the head counts pops, else a node that was popped
// and pushed again in between would go unseen.

import { runWay, SpinLock, Structure, STRUCTURES, VALUE } from './loops';
import { rseq } from './machine';

const LOCK: usize = 4;
const TAGGED: usize = 8;
const NODES: usize = 64;
const NODE_BYTES: usize = 16;
/** On the list at the beginning; one more is the value of the first turn. */
const LISTED: i32 = 3;

@unmanaged
class List {
  head: u32;
  lock: u32;
  tagged: u64;

  // @ts-ignore: decorator
  @inline
  push(node: u32): void {
    store<u32>(node, this.head);
    this.head = node;
  }

  /** 0 when there is none. */
  // @ts-ignore: decorator
  @inline
  pop(): u32 {
    const node = this.head;
    if (node != 0) this.head = load<u32>(node);
    return node;
  }
}

@unmanaged
class Unprotected extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(node: u32): u32 {
    changetype<List>(this.onThisCpu()).push(node);
    return changetype<List>(this.onThisCpu()).pop();
  }
}

@unmanaged
class Section extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(node: u32): u32 {
    rseq.restart();
    rseq.start();
    changetype<List>(this.onThisCpu()).push(node);
    rseq.end();

    rseq.restart();
    rseq.start();
    const popped = changetype<List>(this.onThisCpu()).pop();
    rseq.end();
    return popped;
  }
}

@unmanaged
class Atomic extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(node: u32): u32 {
    const head = this.onThisCpu() + TAGGED;
    let seen = load<u64>(head);
    while (true) {
      store<u32>(node, <u32>seen);
      const found = atomic.cmpxchg<u64>(head, seen, (seen & ~0xffffffff) | node);
      if (found == seen) break;
      seen = found;
    }

    const from = this.onThisCpu() + TAGGED;
    seen = load<u64>(from);
    while (<u32>seen != 0) {
      const next: u64 = load<u32>(<u32>seen);
      const found = atomic.cmpxchg<u64>(
        from,
        seen,
        ((seen & ~0xffffffff) + ((<u64>1) << 32)) | next,
      );
      if (found == seen) break;
      seen = found;
    }
    return <u32>seen;
  }
}

@unmanaged
class Lock extends Structure {
  // @ts-ignore: decorator
  @inline
  turn(node: u32): u32 {
    const to = this.onThisCpu();
    changetype<SpinLock>(to + LOCK).lock();
    changetype<List>(to).push(node);
    changetype<SpinLock>(to + LOCK).unlock();

    const from = this.onThisCpu();
    changetype<SpinLock>(from + LOCK).lock();
    const popped = changetype<List>(from).pop();
    changetype<SpinLock>(from + LOCK).unlock();
    return popped;
  }
}

function fill(list: usize): void {
  const nodes = list + NODES;
  for (let i = 0; i < LISTED; i++)
    changetype<List>(list).push(<u32>(nodes + <usize>i * NODE_BYTES));
  store<u64>(list, load<u32>(list), TAGGED);
  store<u32>(list, <u32>(nodes + <usize>LISTED * NODE_BYTES), VALUE);
}

/** Nodes from `head` on, the one that the last turn returned too. */
function nodesOf(list: usize, head: usize): i32 {
  let count = load<u32>(list, VALUE) == 0 ? 0 : 1;
  for (let node = load<u32>(head); node != 0; node = load<u32>(node)) count++;
  return count;
}

export function main(): i32 {
  assert(rseq.register() == 0);
  for (let i = 0; i < STRUCTURES; i++) fill(Structure.at(i));
  if (!runWay<Unprotected, Section, Atomic, Lock>()) return 2;
  for (let i = 0; i < STRUCTURES; i++) {
    const list = Structure.at(i);
    if (nodesOf(list, list) != LISTED + 1) return 1;
    if (nodesOf(list, list + TAGGED) != LISTED + 1) return 1;
  }
  return 0;
}
