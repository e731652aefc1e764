// === wordcount: what the three ways of counting words have in common =============================
//
// The main thread reads standard input, gives every worker a part of it, and when all have ended
// writes the slots in use to standard output, as they are. Whoever started the program adds them up.
//
//   slot: ┌ u64 hash, 0 = free ┬ u32 count ┬ u32 offset of a first occurrence ┐     16 bytes
//
// A table is open addressing with linear probing. Only the main thread allocates.
// A word that finds no slot within MAX_PROBES ends the attempt: main starts over, tables twice as big.
// The bound is also what keeps a section short enough for its slice.

import { join, nrThreads, read, rseq, spawn, ThreadFunction, write } from 'wasm-rseq/assembly';

export const SLOT_COUNT: usize = 8;
export const SLOT_OFFSET: usize = 12;
export const SLOT_BYTES: usize = 16;

export const MAX_PROBES: u32 = 64;

/** Slots of a table, a power of two. */
let slotsPerTable: u32 = 1024;

const FNV_OFFSET: u64 = 0xcbf29ce484222325;
const FNV_PRIME: u64 = 0x100000001b3;

/** Prose and programs have fewer different words than that; anything else starts over. */
const INPUT_BYTES_PER_SLOT: u32 = 64;
const BLOCK_BYTES: i32 = 65536;

const STDIN: i32 = 0;
const STDOUT: i32 = 1;

/** The input; a zero byte ends it, so that a word always ends. */
let input: usize = 0;
let inputBytes: u32 = 0;
let tables: usize = 0;
let tablesBytes: usize = 0;

/**
 * What main does. R is how to record a word: a class whose `this` is the address of the tables, with
 * a method record(hash: u64, offset: u32): bool, false when the word finds no slot.
 */
export function countWords<R>(nrTables: u32): i32 {
  assert(rseq.register() == 0, 'registration failed');
  readInput();
  while (slotsPerTable < inputBytes / INPUT_BYTES_PER_SLOT) slotsPerTable *= 2;
  makeTables(nrTables);
  while (!runWorkers((part: usize): i32 => countPart<R>(<u32>part))) {
    slotsPerTable *= 2;
    makeTables(nrTables);
  }
  writeSlots();
  return 0;
}

/** The address of the table of a CPU; the only table is that of CPU 0. */
// @ts-ignore: decorator
@inline
export function tableOf(base: usize, cpu: i32): usize {
  return base + <usize>cpu * slotsPerTable * SLOT_BYTES;
}

/** The address of a slot; past the last comes the first. */
// @ts-ignore: decorator
@inline
export function slotAt(table: usize, index: u32): usize {
  return table + <usize>(index & (slotsPerTable - 1)) * SLOT_BYTES;
}

function makeTables(nrTables: u32): void {
  tablesBytes = <usize>nrTables * slotsPerTable * SLOT_BYTES;
  tables = heap.alloc(tablesBytes);
  memory.fill(tables, 0, tablesBytes);
}

/** Run all workers to their end. Returns whether every word found a slot. */
function runWorkers(worker: ThreadFunction): bool {
  const threads = nrThreads();
  const tids = new StaticArray<i32>(threads);
  for (let i = 0; i < threads; i++) {
    tids[i] = spawn(worker, i);
    assert(tids[i] > 0, 'no more threads');
  }
  let failures = 0;
  for (let i = 0; i < threads; i++) failures += join(tids[i]);
  return failures == 0;
}

/** Count the words that begin in one part of the input. Returns 1 when one finds no slot. */
function countPart<R>(part: u32): i32 {
  const recorder = changetype<R>(tables);
  const end = input + partStart(part + 1);
  let at = input + partStart(part);
  // The word we may be inside of began in the part before.
  if (at > input && isLetter(load<u8>(at - 1))) {
    while (isLetter(load<u8>(at))) at++;
  }
  while (at < end) {
    let byte = load<u8>(at);
    if (!isLetter(byte)) {
      at++;
      continue;
    }
    const word = at;
    let hash = FNV_OFFSET;
    do {
      hash = (hash ^ byte) * FNV_PRIME;
      byte = load<u8>(++at);
    } while (isLetter(byte));
    if (!recorder.record(hash == 0 ? 1 : hash, <u32>(word - input))) return 1;
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function isLetter(byte: u8): bool {
  return <u32>((byte | 0x20) - 0x61) < 26;
}

function partStart(part: u32): usize {
  return <usize>((<u64>inputBytes * part) / nrThreads());
}

function readInput(): void {
  let capacity: u32 = 1 << 20;
  input = heap.alloc(capacity);
  while (true) {
    const length = read(STDIN, input + inputBytes, capacity - inputBytes - 1);
    assert(length >= 0, 'standard input cannot be read');
    inputBytes += length;
    if (length == 0) break;
    if (inputBytes == capacity - 1) input = heap.realloc(input, (capacity *= 2));
  }
  store<u8>(input + inputBytes, 0);
}

/** Write the slots in use, a block at a time. */
function writeSlots(): void {
  const block = heap.alloc(BLOCK_BYTES);
  let used = 0;
  for (let slot = tables, end = tables + tablesBytes; slot < end; slot += SLOT_BYTES) {
    if (load<u64>(slot) == 0) continue;
    memory.copy(block + used, slot, SLOT_BYTES);
    used += <i32>SLOT_BYTES;
    if (used < BLOCK_BYTES) continue;
    write(STDOUT, block, used);
    used = 0;
  }
  write(STDOUT, block, used);
}
