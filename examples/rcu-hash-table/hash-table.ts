// A hash table that many threads read while one resizes it. Readers take no lock and store nothing
// to the table: each resize is another table, and the old one is freed.
//
//   table: ┌ u32 mask ┬ u32 keys[mask + 1], 0 = none ┐     open addressing, linear probing
//
// What is freed is filled with POISON first, so that a reader that still looks there tells.

import {
  counterAdd,
  counterCreate,
  counterSum,
  join,
  nrThreads,
  print,
  rcuAssign,
  rcuCreate,
  rcuDereference,
  rcuReadLock,
  rcuReadUnlock,
  rseq,
  spawn,
} from 'wasm-rseq/assembly';

const KEYS: u32 = 100;
const RESIZES: u32 = 40;
const SMALLEST: u32 = 128;
const LARGEST: u32 = 1024;
const MASK: usize = 0;
const FIRST_KEY: usize = 4;
const POISON: u32 = 0xdeadbeef;

/** usize address of the table in force. */
const CURRENT: usize = memory.data(4, 4);
/** i32, 1 when the last resize is over. */
const DONE: usize = memory.data(4, 4);

/** Makes sure that no reader of `rcu` is left in `table`, and frees it. */
export type Reclaim = (rcu: usize, table: usize) => void;

let rcu: usize = 0;
let lookups: usize = 0;
let missed: usize = 0;
let poisoned: usize = 0;

/** What main does. Returns 0 when every reader found every key, and none saw a table that was freed. */
export function readAndResize(reclaim: Reclaim): i32 {
  assert(rseq.register() == 0, 'registration failed');
  rcu = rcuCreate();
  lookups = counterCreate();
  missed = counterCreate();
  poisoned = counterCreate();
  store<usize>(CURRENT, newTable(SMALLEST));

  const tids = new StaticArray<i32>(nrThreads());
  for (let i = 0; i < tids.length; i++) tids[i] = spawn(readUntilDone, 0);
  resize(reclaim);
  atomic.store<i32>(DONE, 1);
  for (let i = 0; i < tids.length; i++) join(tids[i]);

  print(`${RESIZES} resizes, ${counterSum(lookups)} lookups\n`);
  print(`${counterSum(missed)} keys missed, ${counterSum(poisoned)} lookups in a freed table\n`);
  return counterSum(missed) + counterSum(poisoned) == 0 ? 0 : 1;
}

export function freeTable(table: usize): void {
  const slots = load<u32>(table, MASK) + 1;
  for (let at: u32 = 0; at <= slots; at++) store<u32>(table + 4 * at, POISON);
  heap.free(table);
}

/** Twice as large each time, and then small again. */
function resize(reclaim: Reclaim): void {
  let slots = SMALLEST;
  for (let n: u32 = 0; n < RESIZES; n++) {
    slots = slots == LARGEST ? SMALLEST : 2 * slots;
    const old = rcuDereference(CURRENT);
    rcuAssign(CURRENT, newTable(slots));
    reclaim(rcu, old);
  }
}

function newTable(slots: u32): usize {
  const table = heap.alloc(FIRST_KEY + 4 * slots);
  store<u32>(table, slots - 1, MASK);
  memory.fill(table + FIRST_KEY, 0, 4 * slots);
  for (let key: u32 = 1; key <= KEYS; key++) store<u32>(slotOf(table, key), key);
  return table;
}

function readUntilDone(_argument: usize): i32 {
  let key: u32 = 1;
  while (atomic.load<i32>(DONE) == 0) {
    lookUp(key);
    key = (key % KEYS) + 1;
  }
  return 0;
}

function lookUp(key: u32): void {
  const period = rcuReadLock(rcu);
  const found = load<u32>(slotOf(rcuDereference(CURRENT), key));
  rcuReadUnlock(rcu, period);
  counterAdd(lookups, 1);
  if (found == POISON) counterAdd(poisoned, 1);
  else if (found != key) counterAdd(missed, 1);
}

/** The slot that has the key, or where the search for it ends. */
function slotOf(table: usize, key: u32): usize {
  const mask = load<u32>(table, MASK);
  if (mask == POISON) return table;
  let at = (key * 0x9e3779b1) & mask;
  while (true) {
    const slot = table + FIRST_KEY + 4 * at;
    const found = load<u32>(slot);
    if (found == key || found == 0 || found == POISON) return slot;
    at = (at + 1) & mask;
  }
}
