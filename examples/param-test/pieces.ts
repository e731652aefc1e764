// Pieces that threads move about: 100 for each CPU at the beginning, numbered from 1; every one must be somewhere
// in the end, once.

import { slots, zeroed } from './memory';
import { unregisteredEvery } from './options';

const PER_CPU: i32 = 100;

let isFound: usize = 0;
let missing: i32 = 0;

/** Slots that anybody works on. */
function usedSlots(): i32 {
  return unregisteredEvery == 0 ? slots() - 1 : slots();
}

export function pieceCount(): i32 {
  return usedSlots() * PER_CPU;
}

/** `put` all pieces, a CPU's after those of another, -1 last. */
export function dealPieces(put: (cpu: i32, piece: i32) => void): void {
  for (let n = 0; n < pieceCount(); n++) {
    const slot = n / PER_CPU;
    put(slot == slots() - 1 ? -1 : slot, n + 1);
  }
}

/** How many pieces `take` does not find, which takes one from a CPU, or says 0. */
export function missingPieces(take: (cpu: i32) => i32): i64 {
  isFound = zeroed(<usize>pieceCount() + 1);
  missing = pieceCount();
  for (let cpu = -1; cpu < slots() - 1; cpu++) {
    for (let piece = take(cpu); piece != 0; piece = take(cpu)) find(piece);
  }
  return missing;
}

function find(piece: i32): void {
  assert(piece > 0 && piece <= pieceCount(), 'no piece');
  assert(load<u8>(isFound + <usize>piece) == 0, 'a piece is there twice');
  store<u8>(isFound + <usize>piece, 1);
  missing--;
}
