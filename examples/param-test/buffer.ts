// -T b: a stack of pointers for each CPU; a thread takes one from one and puts it onto one.

import {
  loadCbneLoadCbneStore,
  loadCbneStoreStore,
  MemoryOrder,
} from 'wasm-rseq/assembly/percpu/ops';
import { indexFor, outcome } from './attempt';
import { inject } from './inject';
import { percpuWords, slotOf, slots, wordOf, zeroed } from './memory';
import { isRelease, mode } from './options';
import { dealPieces, missingPieces, pieceCount } from './pieces';

let counts: usize = 0;
let buffers: usize = 0;
let bufferBytes: usize = 0;

/** Room for all pointers on every CPU. */
export function prepareBuffer(): void {
  counts = percpuWords();
  bufferBytes = <usize>pieceCount() * sizeof<usize>();
  buffers = zeroed(<usize>slots() * bufferBytes);
  dealPieces((cpu, piece) => {
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    const pointer = zeroed(sizeof<i32>());
    store<i32>(pointer, piece);
    store<usize>(placeOf(cpu, n), pointer);
    store<usize>(count, n + 1);
  });
}

function placeOf(cpu: i32, n: usize): usize {
  return buffers + slotOf(cpu) * bufferBytes + n * sizeof<usize>();
}

export function movePointer(me: usize): void {
  const pointer = pop(me);
  inject(7, me);
  if (pointer != 0) push(me, pointer);
}

/** 0: there is none. */
function pop(me: usize): usize {
  let pointer: usize;
  let result: i32;
  do {
    const cpu = indexFor(me);
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    if (n == 0) return 0;
    const place = placeOf(cpu, n - 1);
    pointer = load<usize>(place);
    inject(3, me);
    inject(9, me);
    const order = MemoryOrder.Relaxed;
    result = outcome(
      loadCbneLoadCbneStore(order, mode, count, n, place, pointer, n - 1, cpu),
      me,
    );
  } while (result != 0);
  return pointer;
}

function push(me: usize, pointer: usize): void {
  let result: i32;
  do {
    const cpu = indexFor(me);
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    const place = placeOf(cpu, n);
    inject(3, me);
    inject(9, me);
    const order = isRelease ? MemoryOrder.Release : MemoryOrder.Relaxed;
    result = outcome(loadCbneStoreStore(order, mode, count, n, place, pointer, n + 1, cpu), me);
  } while (result != 0);
}

/** Pointers that are on no stack. */
export function lostPointers(): i64 {
  return missingPieces((cpu) => {
    const count = wordOf(counts, cpu);
    const n = load<usize>(count);
    if (n == 0) return 0;
    store<usize>(count, n - 1);
    return load<i32>(load<usize>(placeOf(cpu, n - 1)));
  });
}
