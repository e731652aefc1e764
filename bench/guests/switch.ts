// === switch: two threads that never finish ========================================================
//
// First argument: p, loops that do next to nothing; s, a section each that is never long enough
// undisturbed to commit. The harness gives slices of one instruction and stops the run by its fuel limit.

import { rseq, spawn } from '../../assembly';
import { letter } from './arguments';

const WORD: usize = memory.data(64);

function spin(_argument: usize): i32 {
  let turn: u32 = 0;
  while (true) store<u32>(WORD, turn++);
}

function restart(_argument: usize): i32 {
  while (true) {
    rseq.restart();
    rseq.start();
    store<u32>(WORD, load<u32>(WORD) + 1);
    rseq.end();
  }
}

export function main(): i32 {
  assert(rseq.register() == 0);
  if (letter(0) == 0x73) {
    spawn(restart, 0);
    return restart(0);
  }
  spawn(spin, 0);
  return spin(0);
}
