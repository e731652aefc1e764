// @ts-nocheck AssemblyScript
// The hash map. First a thread alone fills the table of a CPU; then three threads, and a handler, count two
// keys that begin at the same slot.
// Invariant: the count of a key is how often it came, and each CPU has a key once.

import { rseq, schedSetaffinity } from 'wasm-rseq/assembly';
import {
  hashMapAdd,
  hashMapCreate,
  hashMapGet,
  hashMapIncrement,
  hashMapNext,
  HASH_MAP_COUNT,
  HASH_MAP_PROBES,
} from 'wasm-rseq/assembly/percpu/hash-map';
import { runThreads } from './threads';

/** Keys that begin at slot 0 of two. */
const KEY: u64 = 0;
const OTHER_KEY: u64 = 2;
const BEHIND: u64 = 100;

/** i32 mask of CPUs. */
const CPUS: usize = memory.data(4, 4);

let map: usize = 0;
let handled: i32 = 0;

function stayOn(cpus: i32): void {
  store<i32>(CPUS, cpus);
  schedSetaffinity(0, 4, CPUS);
}

function alone(): void {
  const map = hashMapCreate(2);
  stayOn(2);
  assert(hashMapNext(map, 0) == 0, 'there is a key already');
  assert(hashMapGet(map, KEY) == 0, 'counted already');
  assert(hashMapAdd(map, OTHER_KEY, 3) && hashMapAdd(map, KEY, 5), 'two slots hold two keys');
  assert(!hashMapAdd(map, 1, 1), 'two slots hold three keys');
  assert(hashMapAdd(map, KEY, 1), 'a key that is there needs no room');
  assert(hashMapGet(map, KEY) == 6 && hashMapGet(map, OTHER_KEY) == 3, 'not what was added');
  const word = load<u64>(0, HASH_MAP_COUNT);
  store<u64>(0, 1, HASH_MAP_COUNT);
  assert(hashMapGet(map, 1) == 0, 'a key that never came, with no slot for it');
  store<u64>(0, word, HASH_MAP_COUNT);
  stayOn(1);
  assert(hashMapAdd(map, KEY, 1), 'a CPU has slots of its own');
  assert(hashMapGet(map, KEY) == 7, 'not the sum');
  stayOn(3);
  assert(slotsOf(map, KEY) == 2 && slotsOf(map, OTHER_KEY) == 1, 'a key comes once for each CPU');
}

/** Keys that are multiples of 2^39 begin at slot 0 of 128. */
function looksAtSomeSlotsOnly(): void {
  const map = hashMapCreate(2 * HASH_MAP_PROBES);
  stayOn(1);
  for (let n: u64 = 0; n < HASH_MAP_PROBES; n++) {
    assert(hashMapIncrement(map, n << 39), 'it begins at slot 0');
  }
  assert(!hashMapIncrement(map, (<u64>HASH_MAP_PROBES) << 39), 'looked too far');
  assert(hashMapIncrement(map, 1), 'another slot is free');
  stayOn(3);
}

function slotsOf(map: usize, key: u64): i32 {
  let slots = 0;
  for (let slot = hashMapNext(map, 0); slot != 0; slot = hashMapNext(map, slot)) {
    if (load<u64>(slot) == key) slots++;
  }
  return slots;
}

function count(me: usize): i32 {
  hashMapIncrement(map, me == 2 ? OTHER_KEY : KEY);
  return 0;
}

function onSignal(_signo: i32): void {
  hashMapIncrement(map, OTHER_KEY);
  handled++;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  alone();
  looksAtSomeSlotsOnly();
  map = hashMapCreate(2);
  // A slot behind the last, that nobody may look at.
  store<u64>(map, BEHIND, 64 + 4 * 16 + HASH_MAP_COUNT);
  runThreads(count, onSignal);
  assert(hashMapGet(map, KEY) == 2, 'the first key is not counted right');
  assert(hashMapGet(map, OTHER_KEY) == 1 + handled, 'the second key is not counted right');
  let slots = 0;
  for (let slot = hashMapNext(map, 0); slot != 0; slot = hashMapNext(map, slot)) {
    assert(load<u64>(slot, HASH_MAP_COUNT) < BEHIND, 'a slot behind the last');
    slots++;
  }
  assert(slots == slotsOf(map, KEY) + slotsOf(map, OTHER_KEY), 'a key that never came');
  return 0;
}
