// @ts-nocheck AssemblyScript
// basic_test and basic_percpu_ops_test: where a pinned thread is, and a lock and a list for each CPU: by the RFC's
// primitives or, for concurrency ids, by librseq's operations, as in basic_percpu_ops_mm_cid_test. main returns what was lost: 0 when everything is as it must be.
//
//   argument  0 what   1 where every thread is, on each CPU it may be on; 2 spinlock; 3 list
//             1 times  each thread does it
//             2 index  0 by CPU, 1 by concurrency id (linux)
//             3 stride of the CPUs that what 1 may use: every, every other, and so on

import { getcpu, join, nrCpus, nrThreads, rseq, schedYield, spawn } from 'wasm-rseq/assembly';
import { abi } from 'wasm-rseq/assembly/abi';
import { threadPointer } from 'wasm-rseq/assembly/tcb';
import { RSEQ_CPU_ID_START, RSEQ_NODE_ID } from 'wasm-rseq/src/abi/linux-rseq';
import { Abi } from 'wasm-rseq/src/abi/personality';
import { getAffinity, has, include, pinTo, SET_BYTES, setAffinity } from './affinity';
import { numberAt } from './arguments';
import { STRIDE, zeroed } from './memory';
import { compareExchange, compareExchangeCheck } from 'wasm-rseq/assembly/percpu/compare-exchange';
import {
  loadCbeqStoreAddLoadStore,
  loadCbneStore,
  MemoryOrder,
  PercpuMode,
  percpuIndex,
} from 'wasm-rseq/assembly/percpu/ops';
import { spinlockLock, spinlockUnlock } from 'wasm-rseq/assembly/percpu/spinlock';

const WHERE: i32 = 1;
const SPINLOCK: i32 = 2;

/** Nodes 1 to 10 of each CPU's list; a node is the next one and its data. */
const NODES: i32 = 10;
const NODE_DATA: usize = 4;
const NODE_BYTES: usize = 8;

let times: i32 = 0;
let mode: PercpuMode = PercpuMode.CpuId;
let stride: i32 = 1;
let words: usize = 0;
let counts: usize = 0;

// --- 1: where a thread is ------------------------------------------------------------------------------

/** room: for two sets and two words. Returns 0. */
function visitCpus(room: usize): i32 {
  const allowed = room;
  const one = room + SET_BYTES;
  getAffinity(allowed);
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    assert(has(allowed, cpu) == (cpu % stride == 0));
    if (!has(allowed, cpu)) continue;
    pinTo(cpu, one);
    assertOn(cpu, one + SET_BYTES);
  }
  setAffinity(allowed);
  return 0;
}

function assertOn(cpu: i32, words: usize): void {
  assert(getcpu(words, words + 4) == 0);
  assert(load<i32>(words) == cpu);
  assert(rseq.cpuId() == cpu);
  if (abi() != Abi.Linux && abi() != Abi.LinuxV2) return;
  assert(load<i32>(threadPointer(), RSEQ_CPU_ID_START) == cpu);
  assert(load<i32>(threadPointer(), RSEQ_NODE_ID) == load<i32>(words, 4));
}

/** Threads inherit what main may use. */
function restrict(): void {
  const set = zeroed(SET_BYTES);
  for (let cpu = 0; cpu < nrCpus(); cpu += stride) include(set, cpu);
  setAffinity(set);
}

// --- 2: a spinlock for each CPU --------------------------------------------------------------------------

function lock(): i32 {
  if (mode == PercpuMode.CpuId) return spinlockLock(words);
  let index: i32;
  do {
    index = percpuIndex(mode);
  } while (
    loadCbneStore(MemoryOrder.Relaxed, mode, words + <usize>index * STRIDE, 0, 1, index) != 0
  );
  return index;
}

function countLocked(_unused: usize): i32 {
  for (let n = 0; n < times; n++) {
    const index = lock();
    const count = counts + <usize>index * STRIDE;
    store<i32>(count, load<i32>(count) + 1);
    spinlockUnlock(words, index);
  }
  return 0;
}

// --- 3: a list for each CPU ------------------------------------------------------------------------------

function push(node: usize): void {
  let result: i32;
  do {
    const index = percpuIndex(mode);
    const head = words + <usize>index * STRIDE;
    const first = load<usize>(head);
    store<usize>(node, first);
    if (mode == PercpuMode.CpuId) result = compareExchange(index, head, first, node);
    else result = loadCbneStore(MemoryOrder.Relaxed, mode, head, first, node, index);
  } while (result != 0);
}

/** 0: the list is empty. */
function pop(found: usize): usize {
  return mode == PercpuMode.CpuId ? popChecked() : popById(found);
}

function popChecked(): usize {
  let first: usize;
  let result: i32;
  do {
    const cpu = rseq.cpuId();
    const head = words + <usize>cpu * STRIDE;
    first = load<usize>(head);
    if (first == 0) return 0;
    const next = load<usize>(first);
    // That the next is still the next keeps a head that has come back from being taken for the old one.
    result = compareExchangeCheck(cpu, head, first, next, first, next);
  } while (result != 0);
  return first;
}

function popById(found: usize): usize {
  let result: i32;
  do {
    const index = percpuIndex(mode);
    const head = words + <usize>index * STRIDE;
    result = loadCbeqStoreAddLoadStore(MemoryOrder.Relaxed, mode, head, 0, 0, found, index);
  } while (result < 0);
  return result == 0 ? load<usize>(found) : 0;
}

function moveNodes(room: usize): i32 {
  for (let n = 0; n < times; n++) {
    const node = pop(room);
    schedYield();
    if (node != 0) push(node);
  }
  return 0;
}

function fillLists(): void {
  for (let n = 0; n < nrCpus() * NODES; n++) {
    const head = words + <usize>(n / NODES) * STRIDE;
    const node = zeroed(NODE_BYTES);
    store<usize>(node, load<usize>(head));
    store<i32>(node, (n % NODES) + 1, NODE_DATA);
    store<usize>(head, node);
  }
}

/** By CPU: main goes to each of them. By concurrency id, of which it has one: it just takes them. */
function drainLists(): i32 {
  const set = zeroed(SET_BYTES);
  let sum = 0;
  for (let index = 0; index < nrCpus(); index++) {
    if (mode == PercpuMode.CpuId) pinTo(index, set);
    const head = words + <usize>index * STRIDE;
    for (let node = load<usize>(head); node != 0; node = load<usize>(head)) {
      if (mode == PercpuMode.CpuId) assert(popChecked() == node);
      else store<usize>(head, load<usize>(node));
      sum += load<i32>(node, NODE_DATA);
    }
  }
  return sum;
}

// --- all -------------------------------------------------------------------------------------------------

function runThreads(entry: (room: usize) => i32): void {
  const tids = zeroed(<usize>nrThreads() * 4);
  for (let n: usize = 0; n < <usize>nrThreads(); n++) {
    store<i32>(tids + n * 4, spawn(entry, zeroed(2 * STRIDE)));
  }
  for (let n: usize = 0; n < <usize>nrThreads(); n++) assert(join(load<i32>(tids + n * 4)) == 0);
}

export function main(): i32 {
  const what = numberAt(0);
  times = numberAt(1);
  mode = numberAt(2);
  stride = max(numberAt(3), 1);
  assert(rseq.register() == 0);
  words = zeroed(<usize>nrCpus() * STRIDE);
  counts = zeroed(<usize>nrCpus() * STRIDE);
  if (what == WHERE) {
    restrict();
    visitCpus(zeroed(2 * STRIDE));
    runThreads(visitCpus);
    return 0;
  }
  if (what == SPINLOCK) {
    runThreads(countLocked);
    let sum = 0;
    for (let cpu: usize = 0; cpu < <usize>nrCpus(); cpu++) sum += load<i32>(counts + cpu * STRIDE);
    return nrThreads() * times - sum;
  }
  fillLists();
  runThreads(moveNodes);
  return (nrCpus() * NODES * (NODES + 1)) / 2 - drainLists();
}
