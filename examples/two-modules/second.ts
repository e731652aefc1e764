// The second of two modules: its main is thread 2. It counts if its sections can be registered too.

import { printNumber, rseq } from 'wasm-rseq/assembly';
import { count, waitUntilReady } from './shared';

export function main(): i32 {
  waitUntilReady();
  const result = rseq.register();
  printNumber(result);
  if (result == 0) count();
  return 0;
}
