// === machine: what a guest of the bench needs of where it runs; here, the kernel ==================
//
// When a guest is compiled without our transform, machine-plain.ts is read in the place of this file
// (bench/programs.js), and everything else is the same source.

import { write } from '../../assembly';

export { argument, counterAdd, futexWait, futexWake, read, rseq } from '../../assembly';

const STDOUT: i32 = 1;
const WORD: usize = memory.data(8);

/** Give the harness a result to compare. */
export function report(checksum: u32): void {
  store<u32>(WORD, checksum);
  write(STDOUT, WORD, 4);
}
