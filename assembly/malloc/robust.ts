// === robust: which addresses are blocks ============================================================
//
// A bit for every 8 bytes of the heap: a block in use begins there. 1.6 % of the heap, taken from the
// system 64 KiB for each 4 MiB.

import { takeMetadata } from './metadata';

const SHIFT: usize = 22;
const BITMAP_BYTES: usize = 1 << (SHIFT - 6);

/** The bitmap of each 4 MiB, 0 if there is none yet. */
let bitmaps: usize = 0;

export function isRobust(): bool {
  return bitmaps != 0;
}

/** From now on blocks are remembered. Returns false when there is no memory. */
export function initRobust(): bool {
  bitmaps = takeMetadata(1024 * 4);
  return bitmaps != 0;
}

/** A block begins at `address`. Returns false when there is no memory to know it. */
export function remember(address: usize): bool {
  const slot = bitmaps + (address >> SHIFT) * 4;
  if (load<usize>(slot) == 0) store<usize>(slot, takeMetadata(BITMAP_BYTES));
  if (load<usize>(slot) == 0) return false;
  const byte = byteOf(address);
  store<u8>(byte, load<u8>(byte) | bitOf(address));
  return true;
}

/** Is there a block in use at `address`? */
export function isBlock(address: usize): bool {
  if (load<usize>(bitmaps + (address >> SHIFT) * 4) == 0 || (address & 7) != 0) return false;
  return (load<u8>(byteOf(address)) & bitOf(address)) != 0;
}

/** There is none any more. Preconditions: there was. */
export function forget(address: usize): void {
  const byte = byteOf(address);
  store<u8>(byte, load<u8>(byte) & ~bitOf(address));
}

function byteOf(address: usize): usize {
  return load<usize>(bitmaps + (address >> SHIFT) * 4) + ((address & ((1 << SHIFT) - 1)) >> 6);
}

function bitOf(address: usize): u8 {
  return 1 << (<u8>(address >> 3) & 7);
}
