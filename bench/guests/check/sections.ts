// === sections: threads on one CPU that count in restartable sections ==============================

import { counterAdd, joinAll, rseq, spawn } from '../../../assembly';

const COUNT: usize = memory.data(64, 64);

function count(turns: usize): i32 {
  for (let turn: usize = 0; turn < turns; turn++) counterAdd(COUNT, 1);
  return 0;
}

/** Main is one of the threads. */
export function sections(threads: i32, turns: i32): i32 {
  assert(rseq.register() == 0);
  for (let i = 1; i < threads; i++) spawn(count, turns);
  count(turns);
  joinAll();
  assert(load<i32>(COUNT) == threads * turns, 'an increment was lost');
  return 0;
}
