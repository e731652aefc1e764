// The same, but nobody waits for the readers: the table is freed under them.

import { freeTable, readAndResize } from './hash-table';

export function main(): i32 {
  return readAndResize((_rcu: usize, table: usize) => freeTable(table));
}
