// === central: the blocks that no CPU has ===========================================================
//
// For every size class a list of spans that have blocks to give. A span whose blocks are all back goes
// back to the page heap. All of it belongs to the owner of the allocator's lock. After tcmalloc's central
// free list.

import { allocateSpan, freeSpan, PAGE_BYTES, Span, spanOf } from './page-heap';
import { CLASSES, classSize } from './size-classes';

/** First span of each class that has blocks to give. */
const LISTS: usize = memory.data(4 * 69, 4);
/** Pages of a span of each class. */
const SPAN_PAGES: usize = memory.data(69);

/** A span wastes an eighth at its end at most, and holds this many blocks if SPAN_LIMIT pages are enough. */
const BLOCKS_WANTED: usize = 4;
const SPAN_LIMIT: usize = 4;

/** Preconditions: the size classes are there. */
export function initCentral(): void {
  for (let index = 1; index <= CLASSES; index++) {
    const size = classSize(index);
    let pages: usize = (size + PAGE_BYTES - 1) / PAGE_BYTES;
    while (((pages * PAGE_BYTES) % size) * 8 > pages * PAGE_BYTES) pages++;
    while ((pages * PAGE_BYTES) / size < BLOCKS_WANTED && pages * 2 <= SPAN_LIMIT) pages *= 2;
    store<u8>(SPAN_PAGES + <usize>index, <u8>pages);
  }
}

/** Up to `count` blocks of a class, to `buffer`. Returns how many; fewer than wanted: no memory for more. */
export function fetchBlocks(index: i32, buffer: usize, count: i32): i32 {
  const size = classSize(index);
  let fetched = 0;
  while (fetched < count) {
    const span = spanWithBlocks(index);
    if (span == null) break;
    fetched += takeFrom(span, size, buffer + <usize>fetched * 4, count - fetched);
    if (isEmpty(span, size)) unlink(span, index);
  }
  return fetched;
}

/** Give `count` blocks of a class back. */
export function returnBlocks(index: i32, buffer: usize, count: i32): void {
  const size = classSize(index);
  for (let at = buffer, end = buffer + <usize>count * 4; at < end; at += 4) {
    const block = load<usize>(at);
    const span = spanOf(block);
    if (isEmpty(span, size)) link(span, index);
    store<usize>(block, span.freeBlocks);
    span.freeBlocks = block;
    if (--span.used > 0) continue;
    unlink(span, index);
    freeSpan(span);
  }
}

function spanWithBlocks(index: i32): Span | null {
  const first = listHead(index);
  if (first != null) return first;
  const pages = <usize>load<u8>(SPAN_PAGES + <usize>index);
  const isOneBlock = pages * PAGE_BYTES < 2 * classSize(index);
  const span = allocateSpan(pages, index, isOneBlock);
  if (span == null) return null;
  span.freeBlocks = 0;
  span.fresh = span.start;
  span.used = 0;
  link(span, index);
  return span;
}

/** Blocks that were used before, then new ones: they stay untouched as long as can be. */
function takeFrom(span: Span, size: usize, buffer: usize, count: i32): i32 {
  let taken = 0;
  let block = span.freeBlocks;
  for (; taken < count && block != 0; taken++) {
    store<usize>(buffer + <usize>taken * 4, block);
    block = load<usize>(block);
  }
  span.freeBlocks = block;
  let fresh = span.fresh;
  for (const end = span.end; taken < count && fresh + size <= end; taken++) {
    store<usize>(buffer + <usize>taken * 4, fresh);
    fresh += size;
  }
  span.fresh = fresh;
  span.used += taken;
  return taken;
}

function isEmpty(span: Span, size: usize): bool {
  return span.freeBlocks == 0 && span.fresh + size > span.end;
}

function link(span: Span, index: i32): void {
  const head = listHead(index);
  span.previous = null;
  span.next = head;
  if (head != null) head.previous = span;
  setListHead(index, span);
}

function unlink(span: Span, index: i32): void {
  const next = span.next;
  const previous = span.previous;
  if (next != null) next.previous = previous;
  if (previous != null) previous.next = next;
  else setListHead(index, next);
}

function listHead(index: i32): Span | null {
  return changetype<Span | null>(load<usize>(LISTS + <usize>index * 4));
}

function setListHead(index: i32, span: Span | null): void {
  store<usize>(LISTS + <usize>index * 4, changetype<usize>(span));
}
