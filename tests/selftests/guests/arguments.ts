// @ts-nocheck AssemblyScript
// Numbers on the command line.

import { argument } from 'wasm-rseq/assembly';

const text: usize = memory.data(16);

/** Argument `index`, a decimal number; 0 when there is none. */
export function numberAt(index: i32): i32 {
  const length = argument(index, text, 16);
  let value = 0;
  for (let at = 0; at < length; at++) value = value * 10 + load<u8>(text + at) - 48;
  return value;
}
