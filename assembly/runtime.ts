// === runtime: memory of AssemblyScript programs, for many threads ==================================
//
// What `new`, arrays, strings and heap.alloc call, on percpu/malloc: objects can be made by any thread at
// any time. Like AssemblyScript's stub there is no collector, objects live until they are freed, with
// heap.free or with the arena they were made in. `asc --runtime`, with our transform.
//
//   block ──► ┌ 8 bytes unused ┬ u32 id of the class ┬ u32 size ┐┌ the object ──►
//
// After AssemblyScript's std/assembly/rt/stub.ts, whose contract it keeps.

import { arenaAllocate, currentArena } from 'wasm-rseq/assembly/arena';
import {
  alignedAlloc,
  free,
  mallocUsableSize,
  realloc,
} from 'wasm-rseq/assembly/percpu/malloc';

const HEADER_BYTES: usize = 16;
const ID: usize = 8;
const SIZE: usize = 12;
const ALIGNMENT: usize = 16;
const MAX_OBJECT: usize = 0x7fffffff - HEADER_BYTES;

/** A block, aligned to 16. Out of memory: traps. */
// @ts-ignore: decorator
@unsafe @global
function __alloc(size: usize): usize {
  const block = alignedAlloc(ALIGNMENT, size);
  if (block == 0) unreachable();
  return block;
}

// @ts-ignore: decorator
@unsafe @global
function __realloc(block: usize, size: usize): usize {
  const rounded = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
  const moved: usize = rounded < size ? 0 : realloc(block, rounded);
  if (moved == 0) unreachable();
  return moved;
}

// @ts-ignore: decorator
@unsafe @global
function __free(block: usize): void {
  free(block);
}

/** An object, all zero, in the arena of the thread if it has one. */
// @ts-ignore: decorator
@unsafe @global
function __new(size: usize, id: u32): usize {
  if (size > MAX_OBJECT) throw new Error('allocation too large');
  const arena = currentArena();
  const bytes = HEADER_BYTES + size;
  const block = arena == 0 ? __alloc(bytes) : arenaAllocate(arena, bytes);
  memory.fill(block, 0, bytes);
  store<u32>(block, id, ID);
  store<u32>(block, <u32>size, SIZE);
  return block + HEADER_BYTES;
}

/** An object of `size` bytes in place of this one; what it has more is not zero. */
// @ts-ignore: decorator
@unsafe @global
function __renew(object: usize, size: usize): usize {
  if (size > MAX_OBJECT) throw new Error('allocation too large');
  const block = object - HEADER_BYTES;
  if (currentArena() != 0 || mallocUsableSize(block) == 0) return renewByCopy(object, size);
  const moved = __realloc(block, HEADER_BYTES + size);
  store<u32>(moved, <u32>size, SIZE);
  return moved + HEADER_BYTES;
}

/** What is in an arena cannot grow, and what is made while there is one goes there. */
function renewByCopy(object: usize, size: usize): usize {
  const block = object - HEADER_BYTES;
  const moved = __new(size, load<u32>(block, ID));
  memory.copy(moved, object, min(size, <usize>load<u32>(block, SIZE)));
  free(block);
  return moved;
}

// @ts-ignore: decorator
@unsafe @global
function __link(_parent: usize, _child: usize, _expectMultiple: bool): void {}

// @ts-ignore: decorator
@unsafe @global
function __pin(object: usize): usize {
  return object;
}

// @ts-ignore: decorator
@unsafe @global
function __unpin(_object: usize): void {}

// @ts-ignore: decorator
@unsafe @global
function __visit(_object: usize, _cookie: u32): void {}

// @ts-ignore: decorator
@unsafe @global
function __collect(): void {}
