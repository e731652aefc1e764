// Room for words in the linear memory of the search. What grows is moved: addresses are valid until then.

/** Ends the search: there is no more room. Never returns. */
// @ts-ignore: decorator
@external('search', 'full')
declare function full(): void;

/** The largest block that can be had at once. */
const MOST_BYTES: u64 = 1 << 30;

// @ts-ignore: decorator
@inline
export function load32(at: usize, index: i32): i32 {
  return load<i32>(at + ((<usize>index) << 2));
}

// @ts-ignore: decorator
@inline
export function store32(at: usize, index: i32, word: i32): void {
  store<i32>(at + ((<usize>index) << 2), word);
}

/** Bytes in use. */
let used: u32 = 0;

export function bytes(): u32 {
  return used;
}

/** Room for so many words, all 0. */
export function allocate(words: i32): usize {
  const at = allocateUnset(words);
  memory.fill(at, 0, (<usize>words) << 2);
  return at;
}

/** The same with anything in it. */
export function allocateUnset(words: i32): usize {
  requireRoom(words);
  used += (<u32>words) << 2;
  return heap.alloc((<usize>words) << 2);
}

export function release(at: usize, words: i32): void {
  used -= (<u32>words) << 2;
  heap.free(at);
}

/** The same words, and 0 up to `after`. */
export function enlarge(at: usize, before: i32, after: i32): usize {
  requireRoom(after);
  const old = (<usize>before) << 2;
  const bytes = (<usize>after) << 2;
  used += <u32>(bytes - old);
  const larger = heap.realloc(at, bytes);
  memory.fill(larger + old, 0, bytes - old);
  return larger;
}

// @ts-ignore: decorator
@inline
export function copy(to: usize, from: usize, words: i32): void {
  memory.copy(to, from, (<usize>words) << 2);
}

function requireRoom(words: i32): void {
  const bytes = (<u64>(<u32>words)) << 2;
  // The allocator rounds up.
  const pages = <i32>(((bytes + (bytes >>> 4)) >>> 16) + 2);
  if (bytes < MOST_BYTES && memory.size() + pages < 65536) return;
  full();
  unreachable();
}

/** Words by number, 0 unless they have been set; grows as it is asked to. */
// @ts-ignore: decorator
@unmanaged
export class Numbers {
  /** Where they are. Valid until the next `set`. */
  at: usize = 0;
  private room: i32 = 0;

  // @ts-ignore: decorator
  @inline
  get(index: i32): i32 {
    return <u32>index < <u32>this.room ? load32(this.at, index) : 0;
  }

  set(index: i32, word: i32): void {
    if (<u32>index >= <u32>this.room) this.grow(index);
    store32(this.at, index, word);
  }

  /** All are 0. */
  clear(): void {
    memory.fill(this.at, 0, (<usize>this.room) << 2);
  }

  private grow(index: i32): void {
    let room = max(this.room * 2, 64);
    while (room <= index) room *= 2;
    this.at = this.room === 0 ? allocate(room) : enlarge(this.at, this.room, room);
    this.room = room;
  }
}
