// === percpu/ops: librseq's operations on per-CPU words ===========================================
//
//   v ──► a word that belongs to CPU `cpu`; the caller finds it by the number
//
// They are named after their steps: load, compare and give up if not equal (cbne) or if equal (cbeq), add,
// store. Each begins with S: index != cpu: R: -1, where index is the CPU or the concurrency id of the thread.
//
// loadCbneStore               | *v != expect: R: 1 | C: *v = newv
// loadCbeqStoreAddLoadStore   | r = *v; r == expectNot: R: 1 | *found = r | C: *v = *(r + offset)
// loadAddStore                | C: *v += count
// loadAddLoadLoadAddStore     | q = *(*v + offset) | C: *q += count
// loadCbneLoadCbneStore       | *v != expect: R: 1 | *v2 != expect2: R: 1 | C: *v = newv
// loadCbneStoreStore          | *v != expect: R: 1 | *v2 = newv2 | C: *v = newv
// loadCbneMemcpyStore         | *v != expect: R: 1 | *to = *from, length bytes | C: *v = newv
//
// R: 0 committed; 1 the comparison said no; -1 aborted, or not on `cpu`, or an order or a mode that there is not.
// Each is one try and never loops: after -1 the caller reads his CPU anew, after 1 his words.
//
// After 1 and -1 the word at v is as it was. *found, *v2 and *to may have been stored by a try that was aborted:
// they are the caller's own, or places that v says nobody looks at. Whatever the caller has read before is worth
// what the comparison in the section makes of it.
//
// Order: Relaxed; Release too for loadCbneStoreStore and loadCbneMemcpyStore, which make the commit an atomic
// store. Threads take turns on one memory here, so both order all stores; any other is -1, as in librseq.
// Mode: CpuId; MmCid where the kernel gives concurrency ids, with linux and linux-v2; any other is -1.
//
// For any thread and any handler, of any CPU: on another one they do nothing. A thread that has not registered
// has the index -1, and its sections are not restarted.
//
// Source: include/rseq/rseq.h and pseudocode.h of librseq; the C functions have the same arguments in this order.

import { RSEQ_MM_CID } from '../../src/abi/linux-rseq';
import { Abi } from '../../src/abi/personality';
import { abi } from '../abi';
import { rseq } from '../rseq';
import { threadPointer } from '../tcb';

/** enum rseq_mo. */
export enum MemoryOrder {
  Relaxed = 0,
  Consume = 1,
  Acquire = 2,
  Release = 3,
  AcqRel = 4,
  SeqCst = 5,
}

/** enum rseq_percpu_mode: what `cpu` is. */
export enum PercpuMode {
  /** The number of a CPU. */
  CpuId = 0,
  /** The concurrency id, which no two threads of a process that run at a time share. */
  MmCid = 1,
}

/** The CPU or concurrency id of this thread, a hint unless a section reads it. -1: it has not registered. */
// @ts-ignore: decorator
@inline
export function percpuIndex(mode: PercpuMode): i32 {
  return mode == PercpuMode.MmCid ? load<i32>(threadPointer(), RSEQ_MM_CID) : rseq.cpuId();
}

// @ts-ignore: decorator
@inline
function isMode(mode: PercpuMode): bool {
  if (mode == PercpuMode.MmCid) return abi() == Abi.Linux || abi() == Abi.LinuxV2;
  return mode == PercpuMode.CpuId;
}

// @ts-ignore: decorator
@inline
function isRelaxed(order: MemoryOrder, mode: PercpuMode): bool {
  return order == MemoryOrder.Relaxed && isMode(mode);
}

// @ts-ignore: decorator
@inline
function isRelaxedOrRelease(order: MemoryOrder, mode: PercpuMode): bool {
  return (order == MemoryOrder.Relaxed || order == MemoryOrder.Release) && isMode(mode);
}

/** rseq_load_cbne_store__ptr: *v = newv, if *v is `expect`. Takes a lock, pushes onto a list. */
// @ts-ignore: decorator
@inline
export function loadCbneStore(
  order: MemoryOrder,
  mode: PercpuMode,
  v: usize,
  expect: usize,
  newv: usize,
  cpu: i32,
): i32 {
  if (!isRelaxed(order, mode)) return -1;
  if (rseq.restart()) return -1;
  rseq.start();
  if (percpuIndex(mode) != cpu) return -1;
  if (load<usize>(v) != expect) return 1;
  store<usize>(v, newv);
  rseq.end();
  return 0;
}

/**
 * rseq_load_cbeq_store_add_load_store__ptr: *found = *v, and *v = the word `offset` bytes behind where it points,
 * if *v is not `expectNot`. Pops a list.
 */
// @ts-ignore: decorator
@inline
export function loadCbeqStoreAddLoadStore(
  order: MemoryOrder,
  mode: PercpuMode,
  v: usize,
  expectNot: usize,
  offset: usize,
  found: usize,
  cpu: i32,
): i32 {
  if (!isRelaxed(order, mode)) return -1;
  if (rseq.restart()) return -1;
  rseq.start();
  if (percpuIndex(mode) != cpu) return -1;
  const r = load<usize>(v);
  if (r == expectNot) return 1;
  store<usize>(found, r);
  store<usize>(v, load<usize>(r + offset));
  rseq.end();
  return 0;
}

/** rseq_load_add_store__ptr: *v += count. */
// @ts-ignore: decorator
@inline
export function loadAddStore(
  order: MemoryOrder,
  mode: PercpuMode,
  v: usize,
  count: usize,
  cpu: i32,
): i32 {
  if (!isRelaxed(order, mode)) return -1;
  if (rseq.restart()) return -1;
  rseq.start();
  if (percpuIndex(mode) != cpu) return -1;
  store<usize>(v, load<usize>(v) + count);
  rseq.end();
  return 0;
}

/**
 * rseq_load_add_load_load_add_store__ptr: adds `count` to the word that the pointer `offset` bytes behind where
 * *v points leads to. What *v points to can be exchanged, and a fence of the CPU says that it is out of use.
 */
// @ts-ignore: decorator
@inline
export function loadAddLoadLoadAddStore(
  order: MemoryOrder,
  mode: PercpuMode,
  v: usize,
  offset: usize,
  count: usize,
  cpu: i32,
): i32 {
  if (!isRelaxed(order, mode)) return -1;
  if (rseq.restart()) return -1;
  rseq.start();
  if (percpuIndex(mode) != cpu) return -1;
  const q = load<usize>(load<usize>(v) + offset);
  store<usize>(q, load<usize>(q) + count);
  rseq.end();
  return 0;
}

/** rseq_load_cbne_load_cbne_store__ptr: *v = newv, if *v is `expect` and *v2 is `expect2`. Pops a stack. */
// @ts-ignore: decorator
@inline
export function loadCbneLoadCbneStore(
  order: MemoryOrder,
  mode: PercpuMode,
  v: usize,
  expect: usize,
  v2: usize,
  expect2: usize,
  newv: usize,
  cpu: i32,
): i32 {
  if (!isRelaxed(order, mode)) return -1;
  if (rseq.restart()) return -1;
  rseq.start();
  if (percpuIndex(mode) != cpu) return -1;
  if (load<usize>(v) != expect) return 1;
  if (load<usize>(v2) != expect2) return 1;
  store<usize>(v, newv);
  rseq.end();
  return 0;
}

/**
 * rseq_load_cbne_store_store__ptr: *v2 = newv2, and then *v = newv, if *v is `expect`. Pushes onto a stack.
 * Relaxed or Release.
 */
// @ts-ignore: decorator
@inline
export function loadCbneStoreStore(
  order: MemoryOrder,
  mode: PercpuMode,
  v: usize,
  expect: usize,
  v2: usize,
  newv2: usize,
  newv: usize,
  cpu: i32,
): i32 {
  if (!isRelaxedOrRelease(order, mode)) return -1;
  if (rseq.restart()) return -1;
  rseq.start();
  if (percpuIndex(mode) != cpu) return -1;
  if (load<usize>(v) != expect) return 1;
  store<usize>(v2, newv2);
  if (order == MemoryOrder.Release) atomic.store<usize>(v, newv);
  else store<usize>(v, newv);
  rseq.end();
  return 0;
}

/**
 * rseq_load_cbne_memcpy_store__ptr: `length` bytes, at most 4096, from `from` to `to`, and then *v = newv, if *v
 * is `expect`. Pushes an item onto a stack, or pops it. Relaxed or Release.
 */
// @ts-ignore: decorator
@inline
export function loadCbneMemcpyStore(
  order: MemoryOrder,
  mode: PercpuMode,
  v: usize,
  expect: usize,
  to: usize,
  from: usize,
  length: usize,
  newv: usize,
  cpu: i32,
): i32 {
  if (!isRelaxedOrRelease(order, mode)) return -1;
  if (rseq.restart()) return -1;
  rseq.start();
  if (percpuIndex(mode) != cpu) return -1;
  if (load<usize>(v) != expect) return 1;
  // Not memory.copy, one instruction: a copy can be interrupted in the middle.
  let at: usize = 0;
  for (; at + 8 <= length; at += 8) store<u64>(to + at, load<u64>(from + at));
  for (; at < length; at++) store<u8>(to + at, load<u8>(from + at));
  if (order == MemoryOrder.Release) atomic.store<usize>(v, newv);
  else store<usize>(v, newv);
  rseq.end();
  return 0;
}
