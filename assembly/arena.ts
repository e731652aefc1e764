// === arena: objects that are freed together ========================================================
//
//   arena ──► ┌ newest chunk │ at │ end ┐       chunk ──► ┌ next │ ... ┐┌ objects, one behind the other ┐
//
// While a thread is in an arena, what it makes with `new` is made there: strings and arrays too, and what
// they grow to. To free one of these does nothing; arenaFree frees all. For programs with our runtime.
// One thread at a time in an arena.

import { TCB_ARENA } from '../src/abi/thread';
import { allocatePages, freePages } from './malloc/heap';
import { free, malloc } from './percpu/malloc';
import { ensureThreadPointer, threadPointer } from './tcb';

const CHUNK: usize = 0;
const AT: usize = 4;
const END: usize = 8;
const ARENA_BYTES: usize = 12;

const CHUNK_HEADER: usize = 16;
const CHUNK_PAGES: usize = 16;
const PAGE_SHIFT: usize = 12;

/** An arena with nothing in it. 0: no memory. */
export function arenaCreate(): usize {
  const arena = malloc(ARENA_BYTES);
  if (arena != 0) memory.fill(arena, 0, ARENA_BYTES);
  return arena;
}

/** From now on the thread makes objects in `arena`; 0: in none. Returns where it did until now. */
export function arenaEnter(arena: usize): usize {
  const tcb = ensureThreadPointer();
  const before = load<usize>(tcb, TCB_ARENA);
  store<usize>(tcb, arena, TCB_ARENA);
  return before;
}

/** The arena of the thread; 0: none. */
// @ts-ignore: decorator
@inline
export function currentArena(): usize {
  return load<usize>(threadPointer(), TCB_ARENA);
}

/** `bytes` in an arena, aligned to 16. Out of memory: traps. */
export function arenaAllocate(arena: usize, bytes: usize): usize {
  const rounded = (bytes + 15) & ~15;
  if (load<usize>(arena, END) - load<usize>(arena, AT) < rounded) addChunk(arena, rounded);
  const at = load<usize>(arena, AT);
  store<usize>(arena, at + rounded, AT);
  return at;
}

/** Free an arena and all that is in it. Preconditions: no thread is in it. */
export function arenaFree(arena: usize): void {
  let chunk = load<usize>(arena, CHUNK);
  while (chunk != 0) {
    const next = load<usize>(chunk);
    freePages(chunk);
    chunk = next;
  }
  free(arena);
}

/** What is left of the newest chunk stays unused. */
function addChunk(arena: usize, bytes: usize): void {
  const needed = (CHUNK_HEADER + bytes + (1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
  const pages = max(needed, CHUNK_PAGES);
  const chunk = allocatePages(pages);
  if (chunk == 0) unreachable();
  store<usize>(chunk, load<usize>(arena, CHUNK));
  store<usize>(arena, chunk, CHUNK);
  store<usize>(arena, chunk + CHUNK_HEADER, AT);
  store<usize>(arena, chunk + (pages << PAGE_SHIFT), END);
}
