// === percpu/hash-map: how often each key came, a table per CPU =====================================
//
//   map  ──► ┌ u32 mask │ u32 probes │ u32 bytes per CPU ┐┌ cpu 0: slots ┐┌ cpu 1: slots ┐ ...
//   slot ──► ┌ u64 key │ u64 count ┐                                       count 0: the slot is free
//
// A table is open addressing with linear probing, and nothing is ever removed.
//
// add:  S: cpu; first slot that has the key or is free; none within probes: full
//       | free: slot.key = key | C: slot.count = slot.count + n                   retries when aborted
// get:  plain loads over all CPUs; exact once no thread adds any more.
//
// The count commits, for a key that is there as for a new one: until it does, the slot is free, and what an
// aborted add has left for a key is written again by whoever takes the slot. Any thread may add, a handler
// too. Reading from elsewhere while threads add finds counts that are right or behind; that the key of a new
// slot is there as soon as its count is, holds for sequentially consistent memory only.

import { rseq } from '../rseq';
import { nrCpus } from '../sys';

/** Slots that are looked at before a table counts as full. They bound how long a section is. */
export const HASH_MAP_PROBES: u32 = 64;

/** Where the count of a slot is; the key is at 0. */
export const HASH_MAP_COUNT: usize = 8;

/** Never changes. */
@unmanaged
class HashMap {
  mask: u32;
  probes: u32;
  bytesPerCpu: usize;
}

const CPUS: usize = 64;
const SLOT_BYTES: usize = 16;

/** 2^64 divided by the golden ratio: the high bits of the product depend on all bits of the key. */
const FIBONACCI: u64 = 0x9e3779b97f4a7c15;

/**
 * An empty table for every CPU of `slots` slots, rounded up to a power of two. Returns the address of the
 * map. Called once, before other threads know of it.
 */
export function hashMapCreate(slots: u32): usize {
  const count = 1 << (32 - clz<u32>(slots - 1));
  const bytes = <usize>count * SLOT_BYTES;
  const total = CPUS + <usize>nrCpus() * bytes;
  const address = heap.alloc(total);
  memory.fill(address, 0, total);
  const map = changetype<HashMap>(address);
  map.mask = count - 1;
  map.probes = min<u32>(count, HASH_MAP_PROBES);
  map.bytesPerCpu = bytes;
  return address;
}

/** Add `amount` to the count of `key` on the CPU this runs on. False: no slot is left for it there. */
export function hashMapAdd(map: usize, key: u64, amount: u64): bool {
  const mask = changetype<HashMap>(map).mask;
  const probes = changetype<HashMap>(map).probes;
  const bytes = changetype<HashMap>(map).bytesPerCpu;
  rseq.restart();
  rseq.start();
  const slot = find(map + CPUS + <usize>rseq.cpuId() * bytes, mask, probes, key);
  if (slot == 0) return false;
  const count = load<u64>(slot, HASH_MAP_COUNT);
  if (count == 0) store<u64>(slot, key);
  store<u64>(slot, count + amount, HASH_MAP_COUNT);
  rseq.end();
  return true;
}

/** Count `key` once more. False: no slot is left for it on the CPU this runs on. */
// @ts-ignore: decorator
@inline
export function hashMapIncrement(map: usize, key: u64): bool {
  return hashMapAdd(map, key, 1);
}

/** The count of `key`, the sum over all CPUs; 0 when it never came. */
export function hashMapGet(map: usize, key: u64): u64 {
  const mask = changetype<HashMap>(map).mask;
  const probes = changetype<HashMap>(map).probes;
  const bytes = changetype<HashMap>(map).bytesPerCpu;
  let sum: u64 = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    const slot = find(map + CPUS + <usize>cpu * bytes, mask, probes, key);
    if (slot != 0) sum += load<u64>(slot, HASH_MAP_COUNT);
  }
  return sum;
}

/**
 * The address of the next slot in use behind `slot`, the first for 0; 0 behind the last. A key comes once
 * for each CPU that has counted it, with the count of that CPU.
 */
export function hashMapNext(map: usize, slot: usize): usize {
  const end = map + CPUS + <usize>nrCpus() * changetype<HashMap>(map).bytesPerCpu;
  let next = slot == 0 ? map + CPUS : slot + SLOT_BYTES;
  for (; next < end; next += SLOT_BYTES) {
    if (load<u64>(next, HASH_MAP_COUNT) != 0) return next;
  }
  return 0;
}

/** The first slot that has `key` or is free; 0: none of those that are looked at. */
// @ts-ignore: decorator
@inline
function find(table: usize, mask: u32, probes: u32, key: u64): usize {
  const home = <u32>((key * FIBONACCI) >> 32);
  for (let probe: u32 = 0; probe < probes; probe++) {
    const slot = table + <usize>((home + probe) & mask) * SLOT_BYTES;
    if (load<u64>(slot) == key || load<u64>(slot, HASH_MAP_COUNT) == 0) return slot;
  }
  return 0;
}
