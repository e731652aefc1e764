// @ts-nocheck AssemblyScript
// The registers cx and dx: a section compiled for the event-counter ABI writes them.

import { rseq } from 'wasm-rseq/assembly';
import { announce } from './announce';

const CELL: usize = memory.data(16, 16);
/** The words that the thread shares with its kernel; the script is the kernel. */
const AREA: usize = memory.data(64, 64);

function section(_n: usize): i32 {
  const interrupted = rseq.restart();
  rseq.start();
  store<i32>(CELL, load<i32>(CELL) + 1);
  rseq.end();
  return interrupted;
}

export function main(): i32 {
  announce('cell', CELL);
  announce('area', AREA);
  const entry: (n: usize) => i32 = section;
  announce('section', entry.index);
  return 0;
}
