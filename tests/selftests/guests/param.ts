// @ts-nocheck AssemblyScript
// param_test: threads that do one thing again and again to per-CPU data, each time disturbed in one way.
// main returns what was lost: 0 when everything is as it must be.
//
//   argument  0 what     1 spinlock 2 list 3 buffer 4 memcpy buffer 5 increment
//             1 times    each thread does it
//             2 index    0 by CPU, 1 by concurrency id (linux)
//             3 release  1: the release forms
//             4 twice    1: sections compare twice
//             5 injected, 6 one in: see disturb.ts
//             7 every    how many threads one is unregistered; 0 none is
//
// An unregistered thread knows no CPU: its index is -1, its sections are not restarted. It keeps to data
// of its own, behind that of the last CPU, and an atomic lock makes its turns exclusive.

import { clone, join, nrCpus, nrThreads, rseq, schedYield, spawn } from 'wasm-rseq/assembly';
import { alignTcb, initArea, TCB_ROOM } from 'wasm-rseq/assembly/tcb';
import { numberAt } from './arguments';
import { disturb, disturbBy, lostSignals, RECORD_BYTES, RECORD_FREE } from './disturb';
import { STRIDE, zeroed } from './memory';
import { compareTwice, op } from './ops';

const SPINLOCK: i32 = 1;
const LIST: i32 = 2;
const BUFFER: i32 = 3;
const MEMCPY_BUFFER: i32 = 4;

/** Pieces of each CPU at the beginning: nodes or items, of which a thread holds one for a moment. */
const PIECES: i32 = 4;

// A node: the next, data. An item: data, data + 1, and two words.
const NODE_DATA: usize = 4;
const NODE_BYTES: usize = 8;
const ITEM_BYTES: usize = 16;
// In a thread's record: where it pops a node to, and an item.
const FOUND: usize = RECORD_FREE;
const ITEM: usize = RECORD_FREE + 8;

let what: i32 = 0;
let times: i32 = 0;
let mode: i32 = 0;
let release: bool = false;
let cpus: i32 = 0;

/** Of each CPU, and behind them of the unregistered: a lock, a list's head or the fill of a buffer. */
let words: usize = 0;
let counts: usize = 0;
let buffers: usize = 0;
let bufferStride: usize = 0;
/** Who holds it may use the last slot. */
const guard: usize = memory.data(4);

function slotOf(cpu: i32): usize {
  return <usize>(cpu < 0 ? cpus : cpu);
}

function wordOf(cpu: i32): usize {
  return words + slotOf(cpu) * STRIDE;
}

function countOf(cpu: i32): usize {
  return counts + slotOf(cpu) * STRIDE;
}

function bufferOf(cpu: i32): usize {
  return buffers + slotOf(cpu) * bufferStride;
}

// --- 1: a spinlock for each CPU ----------------------------------------------------------------------

function lock(me: usize): i32 {
  let cpu: i32;
  do {
    cpu = op.index(mode);
    disturb(me);
  } while (op.loadCbneStore(mode, wordOf(cpu), 0, 1, cpu) != 0);
  return cpu;
}

/** On whichever CPU the thread is by now. */
function unlock(cpu: i32): void {
  const word = wordOf(cpu);
  assert(load<usize>(word) == 1);
  if (release) atomic.store<usize>(word, 0);
  else store<usize>(word, 0);
}

function countLocked(me: usize): void {
  const cpu = lock(me);
  const count = countOf(cpu);
  const before = load<i32>(count);
  disturb(me);
  store<i32>(count, before + 1);
  unlock(cpu);
}

// --- 2: a list for each CPU --------------------------------------------------------------------------

function listPush(me: usize, node: usize): void {
  let result: i32;
  do {
    const cpu = op.index(mode);
    const head = wordOf(cpu);
    const first = load<usize>(head);
    store<usize>(node, first);
    disturb(me);
    result = op.loadCbneStore(mode, head, first, node, cpu);
  } while (result != 0);
}

/** 0: the list is empty. */
function listPop(me: usize): usize {
  let result: i32;
  do {
    const cpu = op.index(mode);
    const head = wordOf(cpu);
    disturb(me);
    result = op.loadCbeqStoreAddLoadStore(mode, head, 0, 0, me + FOUND, cpu);
  } while (result < 0);
  return result == 0 ? load<usize>(me, FOUND) : 0;
}

function moveNode(me: usize): void {
  const node = listPop(me);
  disturb(me);
  if (node != 0) listPush(me, node);
}

// --- 3: a stack of pointers for each CPU ---------------------------------------------------------------

function pointerPush(me: usize, node: usize): void {
  let result: i32;
  do {
    const cpu = op.index(mode);
    const fill = wordOf(cpu);
    const n = load<usize>(fill);
    const place = bufferOf(cpu) + n * sizeof<usize>();
    disturb(me);
    result = op.loadCbneStoreStore(release, mode, fill, n, place, node, n + 1, cpu);
  } while (result != 0);
}

function pointerPop(me: usize): usize {
  let node: usize;
  let result: i32;
  do {
    const cpu = op.index(mode);
    const fill = wordOf(cpu);
    const n = load<usize>(fill);
    if (n == 0) return 0;
    const place = bufferOf(cpu) + (n - 1) * sizeof<usize>();
    node = load<usize>(place);
    disturb(me);
    result = op.loadCbneLoadCbneStore(mode, fill, n, place, node, n - 1, cpu);
  } while (result != 0);
  return node;
}

function movePointer(me: usize): void {
  const node = pointerPop(me);
  disturb(me);
  if (node != 0) pointerPush(me, node);
}

// --- 4: a stack of items for each CPU ------------------------------------------------------------------

function itemPush(me: usize): void {
  const item = me + ITEM;
  let result: i32;
  do {
    const cpu = op.index(mode);
    const fill = wordOf(cpu);
    const n = load<usize>(fill);
    const place = bufferOf(cpu) + n * ITEM_BYTES;
    disturb(me);
    result = op.loadCbneMemcpyStore(release, mode, fill, n, place, item, ITEM_BYTES, n + 1, cpu);
  } while (result != 0);
}

function itemPop(me: usize): bool {
  const item = me + ITEM;
  let result: i32;
  do {
    const cpu = op.index(mode);
    const fill = wordOf(cpu);
    const n = load<usize>(fill);
    if (n == 0) return false;
    const place = bufferOf(cpu) + (n - 1) * ITEM_BYTES;
    disturb(me);
    result = op.loadCbneMemcpyStore(release, mode, fill, n, item, place, ITEM_BYTES, n - 1, cpu);
  } while (result != 0);
  return true;
}

function moveItem(me: usize): void {
  const isFound = itemPop(me);
  disturb(me);
  if (isFound) itemPush(me);
}

// --- 5: a counter for each CPU -------------------------------------------------------------------------

function increment(me: usize): void {
  let cpu: i32;
  do {
    cpu = op.index(mode);
    disturb(me);
  } while (op.loadAddStore(mode, countOf(cpu), 1, cpu) != 0);
}

// --- threads -------------------------------------------------------------------------------------------

function pass(me: usize): void {
  if (what == SPINLOCK) countLocked(me);
  else if (what == LIST) moveNode(me);
  else if (what == BUFFER) movePointer(me);
  else if (what == MEMCPY_BUFFER) moveItem(me);
  else increment(me);
}

function worker(me: usize): i32 {
  for (let n = 0; n < times; n++) pass(me);
  return 0;
}

function unregisteredWorker(me: usize): i32 {
  for (let n = 0; n < times; n++) {
    while (atomic.cmpxchg<i32>(guard, 0, 1) != 0) schedYield();
    pass(me);
    atomic.store<i32>(guard, 0);
  }
  return 0;
}

/** A thread that takes no part in restartable sequences; its area says so. */
function spawnUnregistered(me: usize): i32 {
  const tcb = alignTcb(zeroed(TCB_ROOM));
  initArea(tcb);
  const entry: (me: usize) => i32 = unregisteredWorker;
  return clone(entry.index, me, tcb);
}

/** Returns the signals that went astray. */
function runThreads(every: i32): i32 {
  const records = zeroed(<usize>nrThreads() * RECORD_BYTES);
  const tids = zeroed(<usize>nrThreads() * 4);
  for (let n = 0; n < nrThreads(); n++) {
    const me = records + <usize>n * RECORD_BYTES;
    const isRegistered = every == 0 || n % every != every - 1;
    const tid = isRegistered ? spawn(worker, me) : spawnUnregistered(me);
    store<i32>(tids + <usize>n * 4, tid);
  }
  for (let n = 0; n < nrThreads(); n++) assert(join(load<i32>(tids + <usize>n * 4)) == 0);
  return lostSignals(records, nrThreads());
}

// --- what there is before and after, with nobody about -------------------------------------------------

/** The piece with these data becomes one of a CPU's. */
function put(cpu: i32, data: usize): void {
  const word = wordOf(cpu);
  const first = load<usize>(word);
  if (what == MEMCPY_BUFFER) {
    store<usize>(bufferOf(cpu) + first * ITEM_BYTES, data);
    store<usize>(bufferOf(cpu) + first * ITEM_BYTES, data + 1, 4);
    store<usize>(word, first + 1);
    return;
  }
  const node = zeroed(NODE_BYTES);
  store<usize>(node, data, NODE_DATA);
  if (what == LIST) {
    store<usize>(node, first);
    store<usize>(word, node);
  } else {
    store<usize>(bufferOf(cpu) + first * sizeof<usize>(), node);
    store<usize>(word, first + 1);
  }
}

/** The data of a CPU's last piece, which is its no more; 0: it has none. */
function take(cpu: i32): usize {
  const word = wordOf(cpu);
  const first = load<usize>(word);
  if (first == 0) return 0;
  if (what == LIST) {
    store<usize>(word, load<usize>(first));
    return load<usize>(first, NODE_DATA);
  }
  store<usize>(word, first - 1);
  if (what == BUFFER) {
    return load<usize>(load<usize>(bufferOf(cpu) + (first - 1) * sizeof<usize>()), NODE_DATA);
  }
  const item = bufferOf(cpu) + (first - 1) * ITEM_BYTES;
  assert(load<usize>(item, 4) == load<usize>(item) + 1);
  return load<usize>(item);
}

/** How many of pieces 1 to `total` are not there once, others than those not counted. */
function lostPieces(total: i32): i32 {
  const isSeen = zeroed(<usize>total + 1);
  let lost = total;
  for (let cpu = -1; cpu < cpus; cpu++) {
    for (let data = take(cpu); data != 0; data = take(cpu)) {
      assert(data <= <usize>total && load<u8>(isSeen + data) == 0);
      store<u8>(isSeen + data, 1);
      lost--;
    }
  }
  return lost;
}

function lostCounts(): i32 {
  let sum = 0;
  for (let cpu = -1; cpu < cpus; cpu++) sum += load<i32>(countOf(cpu));
  return nrThreads() * times - sum;
}

export function main(): i32 {
  assert(rseq.register() == 0);
  what = numberAt(0);
  times = numberAt(1);
  mode = numberAt(2);
  release = numberAt(3) != 0;
  if (numberAt(4) != 0) compareTwice();
  disturbBy(numberAt(5), numberAt(6));
  cpus = nrCpus();
  const slots = cpus + 1;
  words = zeroed(<usize>slots * STRIDE);
  counts = zeroed(<usize>slots * STRIDE);
  bufferStride = <usize>(slots * PIECES) * ITEM_BYTES;
  buffers = zeroed(<usize>slots * bufferStride);
  const pieces = what == LIST || what == BUFFER || what == MEMCPY_BUFFER ? slots * PIECES : 0;
  for (let n = 0; n < pieces; n++) put((n % slots) - 1, n + 1);

  assert(runThreads(numberAt(7)) == 0);

  return pieces > 0 ? lostPieces(pieces) : lostCounts();
}
