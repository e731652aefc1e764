// === sections: threads on one CPU that count in restartable sections ==============================

import { counterAdd, join, rseq, spawn } from '../../../assembly';

const COUNT: usize = memory.data(64, 64);
const MOST_THREADS: i32 = 8;
const TIDS: usize = memory.data(32, 4);

function count(turns: usize): i32 {
  for (let turn: usize = 0; turn < turns; turn++) counterAdd(COUNT, 1);
  return 0;
}

/** Main is one of the threads. */
export function sections(threads: i32, turns: i32): i32 {
  assert(rseq.register() == 0);
  assert(threads <= MOST_THREADS);
  for (let i = 1; i < threads; i++) store<i32>(TIDS + i * 4, spawn(count, turns));
  count(turns);
  for (let i = 1; i < threads; i++) join(load<i32>(TIDS + i * 4));
  assert(load<i32>(COUNT) == threads * turns, 'an increment was lost');
  return 0;
}
