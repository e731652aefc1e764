// -T l: a list for each CPU; a thread takes a node from one and puts it into one.

import {
  loadCbeqStoreAddLoadStore,
  loadCbneStore,
  MemoryOrder,
} from 'wasm-rseq/assembly/percpu/ops';
import { indexFor, outcome } from './attempt';
import { inject } from './inject';
import { percpuWords, wordOf, zeroed } from './memory';
import { mode } from './options';
import { dealPieces, missingPieces } from './pieces';
import { FOUND } from './record';

// A node.
const DATA: usize = 0;
const NEXT: usize = 4;
const NODE_BYTES: usize = 8;

let heads: usize = 0;

export function prepareList(): void {
  heads = percpuWords();
  dealPieces((cpu, piece) => {
    const node = zeroed(NODE_BYTES);
    const head = wordOf(heads, cpu);
    store<i32>(node, piece, DATA);
    store<usize>(node, load<usize>(head), NEXT);
    store<usize>(head, node);
  });
}

export function moveNode(me: usize): void {
  const node = pop(me);
  inject(7, me);
  if (node != 0) push(me, node);
}

/** 0: the list is empty. */
function pop(me: usize): usize {
  let result: i32;
  do {
    const cpu = indexFor(me);
    const head = wordOf(heads, cpu);
    inject(9, me);
    result = outcome(
      loadCbeqStoreAddLoadStore(MemoryOrder.Relaxed, mode, head, 0, NEXT, me + FOUND, cpu),
      me,
    );
  } while (result < 0);
  return result == 0 ? load<usize>(me, FOUND) : 0;
}

function push(me: usize, node: usize): void {
  let result: i32;
  do {
    const cpu = indexFor(me);
    const head = wordOf(heads, cpu);
    const first = load<usize>(head);
    store<usize>(node, first, NEXT);
    inject(3, me);
    inject(9, me);
    result = outcome(loadCbneStore(MemoryOrder.Relaxed, mode, head, first, node, cpu), me);
  } while (result != 0);
}

/** Nodes that are in no list. */
export function lostNodes(): i64 {
  return missingPieces((cpu) => {
    const head = wordOf(heads, cpu);
    const node = load<usize>(head);
    if (node == 0) return 0;
    store<usize>(head, load<usize>(node, NEXT));
    return load<i32>(node, DATA);
  });
}
