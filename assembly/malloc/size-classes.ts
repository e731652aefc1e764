// === size classes: which size a block has ==========================================================
//
//   up to       64 bytes   every    8      at most 7 bytes too many
//   up to    2,048         8 classes for each doubling      12.5 %
//   up to   65,536         4 classes for each doubling      25 %
//
// A block whose size is a multiple of a power of two up to 64 is aligned to it: classes keep what a
// request is a multiple of. After tcmalloc's size map.

/** Classes 1 to CLASSES; 0 means that there is none. */
export const CLASSES: i32 = 68;
/** Bytes of the largest class. */
export const MAX_SMALL: usize = 65536;

const FINE_LIMIT: usize = 1024;
const FINE: usize = memory.data(129);
const COARSE: usize = memory.data(513);
const SIZES: usize = memory.data(4 * 69, 4);

/** Make the sizes. Until openSizeClasses every size is of class 0. */
export function initSizeClasses(): void {
  let size: usize = 0;
  for (let index = 1; index <= CLASSES; index++) {
    size += size < 64 ? 8 : powerOfTwoUpTo(size) >> (size < 2048 ? 3 : 2);
    store<u32>(SIZES + <usize>index * 4, <u32>size);
  }
}

/** From now on every size has its class. */
export function openSizeClasses(): void {
  for (let index = 1; index <= CLASSES; index++) {
    const above = classSize(index - 1);
    const size = classSize(index);
    fill(FINE, 3, above, min(size, FINE_LIMIT), index);
    fill(COARSE, 7, above, size, index);
  }
}

/** The class of blocks of `size` bytes or more; 0 when `size` is over MAX_SMALL. */
// @ts-ignore: decorator
@inline
export function classOf(size: usize): i32 {
  if (size <= FINE_LIMIT) return load<u8>(FINE + ((size + 7) >> 3));
  return size <= MAX_SMALL ? load<u8>(COARSE + ((size + 127) >> 7)) : 0;
}

/** Bytes of a block of class `index`. */
// @ts-ignore: decorator
@inline
export function classSize(index: i32): usize {
  return load<u32>(SIZES + <usize>index * 4);
}

/** Sizes over `from` up to `to` are of this class, in a table that has a byte for each 1 << shift. */
function fill(table: usize, shift: usize, from: usize, to: usize, index: i32): void {
  for (let at = (from >> shift) + (from == 0 ? 0 : 1); at <= to >> shift; at++) {
    store<u8>(table + at, <u8>index);
  }
}

function powerOfTwoUpTo(size: usize): usize {
  return (<usize>1) << (31 - clz<u32>(<u32>size));
}
