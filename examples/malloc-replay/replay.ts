// === replay: the calls of a trace, made again ======================================================
//
// check: nrThreads threads share the objects out; whoever frees one is not who made it. Every byte of an
// object is stamped with what depends on its number, and looked at when it is reallocated or freed, and at
// the end. A record waits until those of its object that come before are done.
//
// time: one thread, no stamps, ROUNDS times from an empty heap. A line `begin` and a line `end` stand around
// each round, for a host that has a clock.
//
// The allocator is a class with methods allocate, reallocate and free, which do not look at `this`.

import { argument, join, nrThreads, printNumber, rseq, schedYield, spawn, write } from 'wasm-rseq/assembly';
import {
  ALLOCATE,
  FREE,
  loadTrace,
  objectCount,
  REALLOCATE,
  RECORD_BYTES,
  RECORD_OBJECT,
  RECORD_SIZE,
  recordCount,
  records,
  takePages,
} from './trace';

/** Records of a call: a longer one would stay in code that an engine has not optimised yet. */
const CHUNK: i32 = 4096;

/** Of each object: its address, 0 before and after; its size; how many of its records are done. */
let addresses: usize = 0;
let sizes: usize = 0;
let steps: usize = 0;
/** Of each record: how many of its object come before. */
let ordinals: usize = 0;
/** Of each thread. */
let tids: usize = 0;

const LIVE: usize = memory.data(4, 4);
const PEAK: usize = memory.data(4, 4);
const text: usize = memory.data(64);

/** What main does. */
export function replay<A>(): i32 {
  const pagesAtFirst = memory.size();
  assert(rseq.register() == 0, 'registration failed');
  // The allocator takes what memory there is now; what comes later is not its own.
  changetype<A>(0).free(changetype<A>(0).allocate(1));
  const pagesOfHeap = memory.size() - pagesAtFirst;
  loadTrace();
  addresses = takePages(<usize>objectCount * 4);
  sizes = takePages(<usize>objectCount * 4);
  steps = takePages(<usize>objectCount * 4);
  ordinals = takePages(<usize>recordCount * 4);
  tids = takePages(<usize>nrThreads() * 4);
  numberRecords();
  const pagesBefore = memory.size();
  if (isTiming()) for (let n = roundsOf(); n > 0; n--) timeRound<A>();
  else checkOnThreads<A>();
  say('peakLive ', load<u32>(PEAK));
  say('peakHeap ', (<usize>(pagesOfHeap + memory.size() - pagesBefore) << 16) + HEAP_AT_FIRST);
  return 0;
}

/** Memory behind the static data that the module begins with. */
const HEAP_AT_FIRST: usize = 65536 - (__heap_base & 0xffff);

function numberRecords(): void {
  for (let n: usize = 0; n < <usize>recordCount; n++) {
    const record = records + n * RECORD_BYTES;
    assert(isCall(load<u8>(record)), 'a record is no call of an allocator');
    assert(objectOf(record) < <usize>objectCount, 'an object has a number that is too high');
    const slot = steps + objectOf(record) * 4;
    const before = load<u32>(slot);
    store<u32>(ordinals + n * 4, before);
    store<u32>(slot, before + 1);
  }
  memory.fill(steps, 0, <usize>objectCount * 4);
}

function isCall(op: i32): bool {
  return op == ALLOCATE || op == FREE || op == REALLOCATE;
}

// @ts-ignore: decorator
@inline
function objectOf(record: usize): usize {
  return load<u32>(record, RECORD_OBJECT);
}

// --- time ------------------------------------------------------------------------------------------

function timeRound<A>(): void {
  writeText('begin\n');
  for (let n = 0; n < recordCount; n += CHUNK) {
    const from = records + <usize>n * RECORD_BYTES;
    replayChunk<A>(from, from + <usize>min(CHUNK, recordCount - n) * RECORD_BYTES);
  }
  writeText('end\n');
  for (let slot = addresses; slot < addresses + <usize>objectCount * 4; slot += 4) {
    if (load<usize>(slot) != 0) changetype<A>(0).free(load<usize>(slot));
    store<usize>(slot, 0);
  }
}

function replayChunk<A>(from: usize, end: usize): void {
  for (let record = from; record < end; record += RECORD_BYTES) {
    const op = <i32>load<u8>(record);
    const slot = addresses + objectOf(record) * 4;
    if (op == FREE) {
      changetype<A>(0).free(load<usize>(slot));
      store<usize>(slot, 0);
    } else if (op == ALLOCATE) store<usize>(slot, changetype<A>(0).allocate(load<u32>(record, RECORD_SIZE)));
    else store<usize>(slot, changetype<A>(0).reallocate(load<usize>(slot), load<u32>(record, RECORD_SIZE)));
  }
}

// --- check -----------------------------------------------------------------------------------------

function checkOnThreads<A>(): void {
  for (let n: usize = 0; n < <usize>nrThreads(); n++) {
    const tid = spawn((part: usize): i32 => checkPart<A>(<u32>part), n);
    assert(tid > 0, 'no more threads');
    store<i32>(tids + n * 4, tid);
  }
  for (let n: usize = 0; n < <usize>nrThreads(); n++) {
    assert(join(load<i32>(tids + n * 4)) == 0, 'a thread failed');
  }
  for (let object: usize = 0; object < <usize>objectCount; object++) {
    if (load<usize>(addresses + object * 4) != 0) verify(object, load<u32>(sizes + object * 4));
  }
}

/** The records of one thread, in their order. */
function checkPart<A>(part: u32): i32 {
  const threads = <u32>nrThreads();
  for (let n: usize = 0; n < <usize>recordCount; n++) {
    const record = records + n * RECORD_BYTES;
    const op = <i32>load<u8>(record);
    const object = objectOf(record);
    if ((<u32>object + (op == FREE ? 1 : 0)) % threads != part) continue;
    const ordinal = load<u32>(ordinals + n * 4);
    while (atomic.load<u32>(steps + object * 4) != ordinal) schedYield();
    checkRecord<A>(op, object, load<u32>(record, RECORD_SIZE));
    atomic.store<u32>(steps + object * 4, ordinal + 1);
  }
  return 0;
}

function checkRecord<A>(op: i32, object: usize, size: u32): void {
  const slot = addresses + object * 4;
  const oldSize = load<u32>(sizes + object * 4);
  let address = load<usize>(slot);
  if (op == ALLOCATE) address = changetype<A>(0).allocate(size);
  else {
    verify(object, oldSize);
    count(-<i32>oldSize);
    if (op == FREE) {
      changetype<A>(0).free(address);
      address = 0;
    } else address = changetype<A>(0).reallocate(address, size);
  }
  store<usize>(slot, address);
  store<u32>(sizes + object * 4, size);
  if (op == FREE) return;
  assert(address != 0, 'no memory');
  count(size);
  if (op != ALLOCATE) verifyPart(object, oldSize, min(size, oldSize));
  stamp(object, size);
}

function stamp(object: usize, size: u32): void {
  const address = load<usize>(addresses + object * 4);
  memory.fill(address, stampOf(object), size);
  if (size >= 4) store<u32>(address, <u32>object);
}

/** All bytes are what stamp() has made them. */
function verify(object: usize, size: u32): void {
  verifyPart(object, size, size);
}

/** The first `part` bytes of an object that was stamped with `size` are. */
function verifyPart(object: usize, size: u32, part: u32): void {
  const address = load<usize>(addresses + object * 4);
  const byte = stampOf(object);
  let at: usize = 0;
  if (size >= 4) {
    for (; at < <usize>min(4, part); at++) {
      assert(load<u8>(address + at) == <u8>(object >> (at * 8)), 'an object begins as another one');
    }
  }
  const word = <u64>byte * 0x0101010101010101;
  for (; at + 8 <= <usize>part; at += 8) {
    assert(load<u64>(address + at) == word, 'bytes of an object are not its own');
  }
  for (; at < <usize>part; at++) assert(load<u8>(address + at) == byte, 'a byte is not its own');
}

function stampOf(object: usize): u8 {
  return <u8>((<u32>object * 0x9e3779b1) >>> 24);
}

/** Bytes that are live, and the most there have been. */
function count(change: i32): void {
  const live = atomic.add<i32>(LIVE, change) + change;
  let peak = atomic.load<i32>(PEAK);
  while (live > peak) {
    const found = atomic.cmpxchg<i32>(PEAK, peak, live);
    if (found == peak) return;
    peak = found;
  }
}

// --- words -----------------------------------------------------------------------------------------

function isTiming(): bool {
  return argument(1, text, 64) > 0 && load<u8>(text) == 0x74;
}

function roundsOf(): i32 {
  const length = argument(2, text, 64);
  let rounds = 0;
  for (let at = 0; at < length; at++) rounds = rounds * 10 + load<u8>(text + at) - 48;
  return max(rounds, 1);
}

function say(name: string, value: i64): void {
  writeText(name);
  printNumber(value);
}

/** ASCII, without allocating. */
function writeText(word: string): void {
  for (let at = 0; at < word.length; at++) store<u8>(text + at, <u8>word.charCodeAt(at));
  write(1, text, word.length);
}
