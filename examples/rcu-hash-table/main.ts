// The table is freed when all readers that may be in it have left.

import { rcuSynchronize } from 'wasm-rseq/assembly';
import { freeTable, readAndResize } from './hash-table';

export function main(): i32 {
  return readAndResize((rcu: usize, table: usize) => {
    rcuSynchronize(rcu);
    freeTable(table);
  });
}
