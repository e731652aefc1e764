// The first of two modules: its main is the leader, thread 1.

import { printNumber, rseq } from 'wasm-rseq/assembly';
import { count, setReady, sumAfter } from './shared';

const SECOND_TID = 2;

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  setReady();
  count();
  printNumber(sumAfter(SECOND_TID));
  return 0;
}
