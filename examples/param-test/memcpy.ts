// -T m: a stack of items for each CPU; a thread copies one from one and onto one.

import { loadCbneMemcpyStore, MemoryOrder } from 'wasm-rseq/assembly/percpu/ops';
import { indexFor, outcome } from './attempt';
import { inject } from './inject';
import { percpuWords, slotOf, slots, wordOf, zeroed } from './memory';
import { isRelease, mode } from './options';
import { dealPieces, missingPieces, pieceCount } from './pieces';
import { ITEM } from './record';

/** An item: its number, and the one behind that, in 8 bytes each. */
const ITEM_BYTES: usize = 16;

let counts: usize = 0;
let buffers: usize = 0;
let bufferBytes: usize = 0;

/** Room for all items on every CPU. */
export function prepareMemcpy(): void {
  counts = percpuWords();
  bufferBytes = <usize>pieceCount() * ITEM_BYTES;
  buffers = zeroed(<usize>slots() * bufferBytes);
  dealPieces((cpu, piece) => {
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    store<i64>(placeOf(cpu, n), piece);
    store<i64>(placeOf(cpu, n), piece + 1, 8);
    store<usize>(count, n + 1);
  });
}

function placeOf(cpu: i32, n: usize): usize {
  return buffers + slotOf(cpu) * bufferBytes + n * ITEM_BYTES;
}

export function moveItem(me: usize): void {
  const isFound = pop(me);
  inject(7, me);
  if (isFound) push(me);
}

function pop(me: usize): bool {
  let result: i32;
  do {
    const cpu = indexFor(me);
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    if (n == 0) return false;
    inject(3, me);
    const from = placeOf(cpu, n - 1);
    result = outcome(copy(me, count, n, me + ITEM, from, n - 1, cpu), me);
  } while (result != 0);
  return true;
}

function push(me: usize): void {
  let result: i32;
  do {
    const cpu = indexFor(me);
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    inject(3, me);
    result = outcome(copy(me, count, n, placeOf(cpu, n), me + ITEM, n + 1, cpu), me);
  } while (result != 0);
}

function copy(
  me: usize,
  count: usize,
  n: usize,
  to: usize,
  from: usize,
  newCount: usize,
  cpu: i32,
): i32 {
  inject(9, me);
  const order = isRelease ? MemoryOrder.Release : MemoryOrder.Relaxed;
  return loadCbneMemcpyStore(order, mode, count, n, to, from, ITEM_BYTES, newCount, cpu);
}

/** Items that are on no stack. */
export function lostItems(): i64 {
  return missingPieces((cpu) => {
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    if (n == 0) return 0;
    store<usize>(count, n - 1);
    const item = placeOf(cpu, n - 1);
    assert(load<i64>(item, 8) == load<i64>(item) + 1, 'halves of two items');
    return <i32>load<i64>(item);
  });
}
