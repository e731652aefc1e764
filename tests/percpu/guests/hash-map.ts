// @ts-nocheck AssemblyScript
// The hash map. What is conserved: the count of a key is how often it came, and a CPU has it once.

import { nrCpus, nrThreads } from 'wasm-rseq/assembly';
import {
  hashMapAdd,
  hashMapCreate,
  hashMapGet,
  hashMapIncrement,
  hashMapNext,
  HASH_MAP_PROBES,
} from 'wasm-rseq/assembly/percpu/hash-map';
import { runThreads, times } from './threads';

const KEYS: i32 = 7;

let map: usize = 0;
let rounds: i32 = 0;

export function laws(): i32 {
  countsKeys();
  looksAtSomeSlotsOnly();
  return 0;
}

function countsKeys(): void {
  const map = hashMapCreate(3);
  assert(hashMapNext(map, 0) == 0, 'a new map has no key');
  assert(hashMapGet(map, 0) == 0, 'what never came has no count');
  for (let key: u64 = 0; key < 4; key++) {
    assert(hashMapAdd(map, key, key + 1), 'three are rounded up to four');
    assert(hashMapIncrement(map, key), 'and each can be counted again');
  }
  assert(!hashMapIncrement(map, u64.MAX_VALUE), 'a full map takes no other key');
  for (let key: u64 = 0; key < 4; key++) assert(hashMapGet(map, key) == key + 2, 'the sum');
  assert(hashMapAdd(map, 0, 1 << 40), 'counts have 64 bits');
  assert(hashMapGet(map, 0) == (1 << 40) + 2, 'counts have 64 bits');
  assert(slots(map) == 4, 'a key comes once');
}

/** Keys that are multiples of 2^39 begin at slot 0 of 128. */
function looksAtSomeSlotsOnly(): void {
  const map = hashMapCreate(2 * HASH_MAP_PROBES);
  for (let n: u64 = 0; n < HASH_MAP_PROBES; n++) assert(hashMapIncrement(map, n << 39), 'room');
  assert(!hashMapIncrement(map, (<u64>HASH_MAP_PROBES) << 39), 'it has looked far enough');
  assert(hashMapIncrement(map, 1), 'others find a slot');
}

function slots(map: usize): i32 {
  let count = 0;
  for (let slot = hashMapNext(map, 0); slot != 0; slot = hashMapNext(map, slot)) count++;
  return count;
}

export function hammer(): i32 {
  map = hashMapCreate(KEYS);
  rounds = times();
  runThreads((_n: usize): i32 => {
    for (let n = 0; n < rounds; n++) assert(hashMapIncrement(map, n % KEYS), 'there is room');
    return 0;
  });
  let wrong = 0;
  for (let key = 0; key < KEYS; key++) {
    const came = rounds / KEYS + (key < rounds % KEYS ? 1 : 0);
    if (hashMapGet(map, key) != nrThreads() * came) wrong++;
  }
  assert(slots(map) <= nrCpus() * KEYS, 'a CPU has a key twice');
  return wrong;
}
