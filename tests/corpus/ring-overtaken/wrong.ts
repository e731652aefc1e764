// @ts-nocheck AssemblyScript
// Meant: a ring with room for one value; a section puts, if there is room, another takes.
// Invariant: what is put is taken, once and in order.
// Mistake: the producer does not look whether there is room. It puts 1, nobody takes it, it puts 2
// into the same cell; the consumer takes 2 first.

import { join, rseq, spawn } from 'wasm-rseq/assembly';

/** i32 taken, i32 put, i32 cells[1]. */
const RING: usize = memory.data(12, 4);
const PUT: usize = 4;
const CELL: usize = 8;

/** false: the ring is full. */
function put(value: i32): bool {
  let hasRoom = true;
  rseq.restart();
  rseq.start();
  const position = load<i32>(RING, PUT);
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

function produce(_unused: usize): i32 {
  while (!put(1)) {}
  while (!put(2)) {}
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const tid = spawn(produce, 0);
  for (let expected = 1; expected <= 2; expected++) {
    let value = 0;
    while (value == 0) value = take();
    assert(value == expected, 'a value was written over');
  }
  join(tid);
  return 0;
}
