// @ts-nocheck AssemblyScript
// Right: a ring with room for one value; a section puts, if there is room, another takes.
// Invariant: what is put is taken or in the ring, once.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 taken, i32 put, i32 cells[1]. */
const RING: usize = memory.data(12, 4);
const SIZE: i32 = 1;
const PUT: usize = 4;
const CELL: usize = 8;

/** false: the ring is full. */
function put(value: i32): bool {
  let hasRoom = true;
  rseq.restart();
  rseq.start();
  const position = load<i32>(RING, PUT);
  hasRoom = position - load<i32>(RING) < SIZE;
  if (hasRoom) {
    store<i32>(RING, value, CELL);
    store<i32>(RING, position + 1, PUT);
  }
  rseq.end();
  return hasRoom;
}

/** 0: the ring is empty. */
function take(): i32 {
  let value = 0;
  rseq.restart();
  value = 0;
  rseq.start();
  const position = load<i32>(RING);
  if (position != load<i32>(RING, PUT)) {
    value = load<i32>(RING, CELL);
    store<i32>(RING, position + 1);
  }
  rseq.end();
  return value;
}

/** Returns what it has put and not taken. */
function work(value: usize): i32 {
  const left = put(<i32>value) ? <i32>value : 0;
  return left - take();
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(work, 1);
  let left = work(2);
  left += join(tid);
  assert(load<i32>(RING) > 0, 'nothing was taken');
  const isEmpty = load<i32>(RING) == load<i32>(RING, PUT);
  assert(left == (isEmpty ? 0 : load<i32>(RING, CELL)), 'a value was written over');
  return 0;
}
