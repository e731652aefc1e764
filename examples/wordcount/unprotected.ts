// sections.ts without its labels, and wrong: what other threads of the CPU count between a load and
// the store that belongs to it is lost.

import { nrCpus, rseq } from 'wasm-rseq/assembly';
import { countWords, MAX_PROBES, SLOT_COUNT, SLOT_OFFSET, slotAt, tableOf } from './wordcount';

@unmanaged
class Tables {
  // @ts-ignore: decorator
  @inline
  record(hash: u64, offset: u32): bool {
    const table = tableOf(changetype<usize>(this), rseq.cpuId());
    let slot = slotAt(table, <u32>hash);
    let found = load<u64>(slot);
    for (let probe: u32 = 1; found != hash && found != 0 && probe < MAX_PROBES; probe++) {
      slot = slotAt(table, <u32>hash + probe);
      found = load<u64>(slot);
    }
    if (found == hash) {
      store<u32>(slot, load<u32>(slot, SLOT_COUNT) + 1, SLOT_COUNT);
    } else if (found == 0) {
      store<u32>(slot, offset, SLOT_OFFSET);
      store<u32>(slot, 1, SLOT_COUNT);
      store<u64>(slot, hash);
    }
    return found == hash || found == 0;
  }
}

export function main(): i32 {
  return countWords<Tables>(nrCpus());
}
