// === percpu/bitmap: numbers to give out, a range per CPU ===========================================
//
//   bitmap ──► ┌ u32 ids per CPU │ u32 stride ┐┌ cpu 0 ┐┌ cpu 1 ┐ ...            stride bytes apart
//   cpu    ──► ┌ u64 taken │ u64 returned ┐┌ taken │ returned ┐ ...                64 ids in a pair
//
// CPU n has the ids from n * ids on. A bit of a pair changes each time its id is given out, in `taken`, or
// comes back, in `returned`: the id is in use while the two differ. So each word has writers of one kind:
// sections of its CPU store taken, and anybody flips returned atomically. Neither undoes the other.
//
// allocate:  S: cpu; first pair with bits where taken == returned; none: -1 | C: taken = taken ^ lowest
// free:      returned ^= bit, atomically                                                no section
//
// allocate retries when aborted, and has stored nothing by then. An id that comes back while a section looks
// may be found by the next one only; one that the section has found free gets into use only by a section of
// this CPU, which would have aborted this one. Any thread may allocate, and free what another has allocated,
// on any CPU, handlers too. An id is in one hand at most, unless somebody frees what he does not have.

import { rseq } from '../rseq';
import { nrCpus } from '../sys';

const CACHE_LINE: usize = 64;

/** Never changes. */
@unmanaged
class Bitmap {
  idsPerCpu: i32;
  stride: usize;
}

const CPUS: usize = CACHE_LINE;

const TAKEN: usize = 0;
const RETURNED: usize = 8;
const PAIR_BYTES: usize = 16;
const PAIR_IDS: i32 = 64;

/**
 * A bitmap in which every CPU has `idsPerCpu` ids, 1 or more, none in use. Returns its address. Called once,
 * before other threads know of the bitmap.
 */
export function bitmapCreate(idsPerCpu: i32): usize {
  const pairs = pairsOf(idsPerCpu);
  const stride = (pairs * PAIR_BYTES + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
  const bytes = CPUS + <usize>nrCpus() * stride;
  const bitmap = heap.alloc(bytes);
  memory.fill(bitmap, 0, bytes);
  changetype<Bitmap>(bitmap).idsPerCpu = idsPerCpu;
  changetype<Bitmap>(bitmap).stride = stride;
  // Bits of the last pair behind the last id are in use for ever.
  const last = bitmap + CPUS + (pairs - 1) * PAIR_BYTES;
  const behind = ~(u64.MAX_VALUE >> (-idsPerCpu & (PAIR_IDS - 1)));
  for (let cpu = 0; cpu < nrCpus(); cpu++) store<u64>(last + <usize>cpu * stride, behind, TAKEN);
  return bitmap;
}

/** An id of the CPU this runs on that nobody has, the lowest; -1: all are in use. */
export function bitmapAllocate(bitmap: usize): i32 {
  const ids = changetype<Bitmap>(bitmap).idsPerCpu;
  const stride = changetype<Bitmap>(bitmap).stride;
  const bytes = pairsOf(ids) * PAIR_BYTES;
  let cpuId = 0;
  let at: usize = 0;
  let free: u64 = 0;
  rseq.restart();
  rseq.start();
  cpuId = rseq.cpuId();
  const cpu = bitmap + CPUS + <usize>cpuId * stride;
  let taken: u64 = 0;
  at = 0;
  do {
    taken = load<u64>(cpu + at, TAKEN);
    free = ~(taken ^ atomic.load<u64>(cpu + at, RETURNED));
  } while (free == 0 && (at += PAIR_BYTES) < bytes);
  if (free == 0) return -1;
  store<u64>(cpu + at, taken ^ (free & -free), TAKEN);
  rseq.end();
  return cpuId * ids + <i32>(at / PAIR_BYTES) * PAIR_IDS + <i32>ctz(free);
}

/** Give back an id, whichever CPU it is of. */
export function bitmapFree(bitmap: usize, id: i32): void {
  const ids = changetype<Bitmap>(bitmap).idsPerCpu;
  const cpu = bitmap + CPUS + <usize>(id / ids) * changetype<Bitmap>(bitmap).stride;
  const index = id % ids;
  const pair = cpu + <usize>(index / PAIR_IDS) * PAIR_BYTES;
  atomic.xor<u64>(pair, <u64>1 << (index % PAIR_IDS), RETURNED);
}

/** How many ids are in use; exact while nobody allocates or frees. */
export function bitmapCount(bitmap: usize): i32 {
  const ids = changetype<Bitmap>(bitmap).idsPerCpu;
  let count = -nrCpus() * (-ids & (PAIR_IDS - 1));
  for (let cpu = 0; cpu < nrCpus(); cpu++) {
    const first = bitmap + CPUS + <usize>cpu * changetype<Bitmap>(bitmap).stride;
    const end = first + pairsOf(ids) * PAIR_BYTES;
    for (let pair = first; pair < end; pair += PAIR_BYTES) {
      count += <i32>popcnt(load<u64>(pair, TAKEN) ^ atomic.load<u64>(pair, RETURNED));
    }
  }
  return count;
}

// @ts-ignore: decorator
@inline
function pairsOf(ids: i32): usize {
  return <usize>((ids + PAIR_IDS - 1) / PAIR_IDS);
}
