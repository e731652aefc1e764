// === increments: threads that load a word and store it plus one ===================================
//
// An increment is lost whenever another thread stores between the load and the store. What holds under
// every interleaving: at least two are left, as long as each thread does two and there are two threads.

import { joinAll, spawn } from '../../../assembly';

const COUNT: usize = memory.data(4, 4);

function increment(turns: usize): i32 {
  for (let turn: usize = 0; turn < turns; turn++) store<i32>(COUNT, load<i32>(COUNT) + 1);
  return 0;
}

/** Main is one of the threads. */
export function increments(threads: i32, turns: i32): i32 {
  for (let i = 1; i < threads; i++) spawn(increment, turns);
  increment(turns);
  joinAll();
  const count = load<i32>(COUNT);
  assert(count >= 2 && count <= threads * turns, 'a count that no interleaving explains');
  return 0;
}
