// === page heap: runs of pages ======================================================================
//
// Memory is taken from the system and cut into runs of 4 KiB pages, spans: a span is free, or holds the
// blocks of one size class, or is one large block. Free neighbours become one.
//
//   address ──► region, 4 MiB ──► ┌ 1024 x u8: class of the page ┐┌ 1024 x u32: its span ┐
//   span:  start │ pages │ next │ previous │ free blocks │ fresh │ used │ kind
//
// The class of a page is read by whoever frees a block, without a lock: it does not change while there is
// a block in the page. All else belongs to the owner of the allocator's lock. After tcmalloc's page heap.

import { takeMetadata } from './metadata';

export const PAGE_SHIFT: usize = 12;
export const PAGE_BYTES: usize = 1 << PAGE_SHIFT;

/** A page of a large block, and of memory in which no single block can be freed; smaller: a size class. */
export const LARGE: i32 = 69;
export const FIXED: i32 = 70;
/** Kind of a span that is free. */
const FREE: i32 = 255;

const REGION_SHIFT: usize = 22;
const PAGES_OF_REGION: usize = 1 << (REGION_SHIFT - PAGE_SHIFT);
const REGION_SPANS: usize = PAGES_OF_REGION;
const REGION_BYTES: usize = PAGES_OF_REGION * 5;

/** The region of each 4 MiB; where there is none, one in which all pages are of class 0. */
const REGIONS: usize = memory.data(4096, 4);
let noRegion: usize = 0;

/** A run of pages, and the blocks in it. */
@unmanaged
export class Span {
  /** Address of the first page. */
  start: usize;
  pages: usize;
  next: Span | null;
  previous: Span | null;
  /** Blocks that have been given back: a list, each holds the address of the next. */
  freeBlocks: usize;
  /** From here on blocks have never been used. */
  fresh: usize;
  /** Blocks that are not here. */
  used: i32;
  /** A size class, LARGE, FIXED, or free. */
  kind: i32;

  // @ts-ignore: decorator
  @inline
  get end(): usize {
    return this.start + (this.pages << PAGE_SHIFT);
  }
}

/** Free spans of 1 to 63 pages, each length in a list of its own; at 0 those that are longer. */
const LISTS: usize = memory.data(64 * 4, 4);
/** Bit n: there may be a span in list n. */
let filledLists: u64 = 0;
/** Records that no span needs, a list by `next`. */
let spareSpans: Span | null = null;

let systemBytes: usize = 0;

/** The memory from `start` to `end` becomes free. Returns false when there is none for records. */
export function initPageHeap(start: usize, end: usize): bool {
  noRegion = takeMetadata(REGION_BYTES);
  if (noRegion == 0) return false;
  for (let index: usize = 0; index < 1024; index++) store<usize>(REGIONS + index * 4, noRegion);
  const first = (start + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  return end <= first || addMemory(first, end);
}

/** Class of the page that a block begins in. Where none does, anything, but 0 where there is no heap. */
// @ts-ignore: decorator
@inline
export function pageClass(address: usize): i32 {
  return load<u8>(regionOf(address) + pageIndex(address));
}

/** The span that `address` is in. Preconditions: its page has a class, and is not inside of a large block. */
// @ts-ignore: decorator
@inline
export function spanOf(address: usize): Span {
  return changetype<Span>(load<usize>(regionOf(address) + pageIndex(address) * 4, REGION_SPANS));
}

// @ts-ignore: decorator
@inline
function regionOf(address: usize): usize {
  return load<usize>(REGIONS + (address >> REGION_SHIFT) * 4);
}

// @ts-ignore: decorator
@inline
function pageIndex(address: usize): usize {
  return (address >> PAGE_SHIFT) & (PAGES_OF_REGION - 1);
}

/** Bytes that the page heap has taken from the system, and those that it began with. */
export function pageHeapBytes(): usize {
  return systemBytes;
}

/**
 * A span of `pages` pages whose start is a multiple of `alignment`, a power of two of a page at least; one
 * block, or blocks may begin in all of its pages. Null: no memory.
 */
export function allocateSpan(
  pages: usize,
  kind: i32,
  isOneBlock: bool = true,
  alignment: usize = PAGE_BYTES,
): Span | null {
  const slack = (alignment >> PAGE_SHIFT) - 1;
  let span = findFree(pages + slack);
  if (span == null) {
    if (!grow(pages + slack)) return null;
    span = findFree(pages + slack);
    if (span == null) return null;
  }
  unlinkFree(span);
  span.kind = kind;
  const skipped = (((span.start + alignment - 1) & ~(alignment - 1)) - span.start) >> PAGE_SHIFT;
  if (skipped > 0) {
    const rest = split(span, skipped);
    if (rest == null) {
      linkFree(span);
      return null;
    }
    linkFree(span);
    span = rest;
  }
  trim(span, pages);
  setClass(span, kind, isOneBlock);
  return span;
}

/** The pages behind the first `pages` are given back. */
export function trimSpan(span: Span, pages: usize): void {
  trim(span, pages);
}

/** Let a span have the free pages behind it that it needs to be `pages` long. Returns whether there were. */
export function extendSpan(span: Span, pages: usize): bool {
  if (pageSpan(span.end) == 0) return false;
  const next = changetype<Span>(pageSpan(span.end));
  if (next.kind != FREE || next.start != span.end) return false;
  const missing = pages - span.pages;
  if (next.pages < missing) return false;
  unlinkFree(next);
  span.pages += next.pages;
  retire(next);
  setEdges(span);
  trim(span, pages);
  return true;
}

/** Give a span back. */
export function freeSpan(span: Span): void {
  linkFree(merge(span));
}

function findFree(pages: usize): Span | null {
  if (pages < 64) {
    // Lists that might do: of this length and longer, the shortest first.
    let lists = filledLists & ~((<u64>1 << pages) - 1);
    while (lists != 0) {
      const index = <usize>ctz(lists);
      const span = listHead(index);
      if (span != null) return span;
      filledLists &= ~(<u64>1 << index);
      lists &= lists - 1;
    }
  }
  return bestOfLong(pages);
}

/** The shortest that is long enough; of equals the lowest. */
function bestOfLong(pages: usize): Span | null {
  let best: Span | null = null;
  let span = listHead(0);
  while (span != null) {
    if (span.pages >= pages && (best == null || isBetter(span, best))) best = span;
    span = span.next;
  }
  return best;
}

function isBetter(span: Span, other: Span): bool {
  return span.pages == other.pages ? span.start < other.start : span.pages < other.pages;
}

/** Take memory from the system: what is asked for, and a 64th of what there is if that is more. */
function grow(pages: usize): bool {
  const wasmPages = <i32>((pages + 15) >> 4);
  let taken = max(wasmPages, <i32>(systemBytes >> 22));
  let before = memory.grow(taken);
  if (before < 0 && taken > wasmPages) {
    taken = wasmPages;
    before = memory.grow(taken);
  }
  if (before < 0) return false;
  const start = <usize>before << 16;
  return addMemory(start, start + (<usize>taken << 16));
}

function addMemory(start: usize, end: usize): bool {
  for (let at = start; at < end; at = (at & ~((1 << REGION_SHIFT) - 1)) + (1 << REGION_SHIFT)) {
    if (!ensureRegion(at)) return false;
  }
  const span = takeSpan();
  if (span == null) return false;
  span.start = start;
  span.pages = (end - start) >> PAGE_SHIFT;
  systemBytes += end - start;
  linkFree(merge(span));
  return true;
}

function ensureRegion(address: usize): bool {
  const slot = REGIONS + (address >> REGION_SHIFT) * 4;
  if (load<usize>(slot) != noRegion) return true;
  const region = takeMetadata(REGION_BYTES);
  if (region != 0) store<usize>(slot, region);
  return region != 0;
}

/** One span with its free neighbours. */
function merge(span: Span): Span {
  let merged = span;
  if (pageSpan(merged.end) != 0) {
    const next = changetype<Span>(pageSpan(merged.end));
    if (next.kind == FREE && next.start == merged.end) {
      unlinkFree(next);
      merged.pages += next.pages;
      retire(next);
    }
  }
  if (pageSpan(merged.start - 1) != 0) {
    const previous = changetype<Span>(pageSpan(merged.start - 1));
    if (previous.kind == FREE && previous.end == merged.start) {
      unlinkFree(previous);
      previous.pages += merged.pages;
      retire(merged);
      merged = previous;
    }
  }
  return merged;
}

/** What is behind the first `pages` pages is free from now on; if there is no record for it, it stays. */
function trim(span: Span, pages: usize): void {
  if (span.pages == pages) return;
  const rest = split(span, pages);
  if (rest != null) linkFree(merge(rest));
}

/** Two of one; the second is returned, with the kind of the first. */
function split(span: Span, pages: usize): Span | null {
  const rest = takeSpan();
  if (rest == null) return null;
  rest.start = span.start + (pages << PAGE_SHIFT);
  rest.pages = span.pages - pages;
  rest.kind = span.kind;
  span.pages = pages;
  setEdges(span);
  setEdges(rest);
  return rest;
}

function linkFree(span: Span): void {
  const index = listIndex(span);
  const head = listHead(index);
  span.kind = FREE;
  span.previous = null;
  span.next = head;
  if (head != null) head.previous = span;
  store<usize>(LISTS + index * 4, changetype<usize>(span));
  if (index != 0) filledLists |= <u64>1 << index;
  setEdges(span);
}

function unlinkFree(span: Span): void {
  const next = span.next;
  const previous = span.previous;
  if (next != null) next.previous = previous;
  if (previous != null) previous.next = next;
  else store<usize>(LISTS + listIndex(span) * 4, changetype<usize>(next));
}

function listIndex(span: Span): usize {
  return span.pages < 64 ? span.pages : 0;
}

function listHead(index: usize): Span | null {
  return changetype<Span | null>(load<usize>(LISTS + index * 4));
}

function takeSpan(): Span | null {
  const spare = spareSpans;
  if (spare == null) return changetype<Span | null>(takeMetadata(offsetof<Span>()));
  spareSpans = spare.next;
  memory.fill(changetype<usize>(spare), 0, offsetof<Span>());
  return spare;
}

/** A record whose span is part of another one. */
function retire(span: Span): void {
  span.next = spareSpans;
  span.kind = 0;
  span.start = 0;
  spareSpans = span;
}

/** Of every page in which a block may begin. What free pages say nobody asks. */
function setClass(span: Span, kind: i32, isOneBlock: bool): void {
  for (let at = span.start, end = isOneBlock ? at + 1 : span.end; at < end; at += PAGE_BYTES) {
    store<u8>(regionOf(at) + pageIndex(at), <u8>kind);
    setPageSpan(at, span);
  }
}

function setEdges(span: Span): void {
  setPageSpan(span.start, span);
  setPageSpan(span.end - 1, span);
}

function setPageSpan(address: usize, span: Span): void {
  const slot = regionOf(address) + pageIndex(address) * 4;
  store<usize>(slot, changetype<usize>(span), REGION_SPANS);
}

function pageSpan(address: usize): usize {
  return load<usize>(regionOf(address) + pageIndex(address) * 4, REGION_SPANS);
}
