// Words counted in one table for all CPUs: a compare-exchange takes a slot, an atomic add counts, so no
// count is lost wherever a thread is interrupted.

import { countWords, MAX_PROBES, SLOT_COUNT, SLOT_OFFSET, slotAt, tableOf } from './wordcount';

@unmanaged
class Table {
  // @ts-ignore: decorator
  @inline
  record(hash: u64, offset: u32): bool {
    const table = tableOf(changetype<usize>(this), 0);
    for (let probe: u32 = 0; probe < MAX_PROBES; probe++) {
      const slot = slotAt(table, <u32>hash + probe);
      let found = atomic.load<u64>(slot);
      if (found == 0) {
        found = atomic.cmpxchg<u64>(slot, 0, hash);
        if (found == 0) {
          store<u32>(slot, offset, SLOT_OFFSET); // nobody reads it until all have ended
          found = hash;
        }
      }
      if (found == hash) {
        atomic.add<u32>(slot, 1, SLOT_COUNT);
        return true;
      }
    }
    return false;
  }
}

export function main(): i32 {
  return countWords<Table>(1);
}
