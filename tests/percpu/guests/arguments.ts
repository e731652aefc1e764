// @ts-nocheck AssemblyScript
// The command line.

import { argument } from 'wasm-rseq/assembly';

const SIZE: i32 = 32;
const text: usize = memory.data(32);

/** Argument `index`, a decimal number; 0 when there is none. */
export function numberAt(index: i32): i32 {
  const length = argument(index, text, SIZE);
  let value = 0;
  for (let at = 0; at < length; at++) value = value * 10 + load<u8>(text + at) - 48;
  return value;
}

/** Is argument `index` this word, in ASCII? */
export function isArgument(index: i32, word: string): bool {
  if (argument(index, text, SIZE) != word.length) return false;
  for (let at = 0; at < word.length; at++) {
    if (load<u8>(text + at) != word.charCodeAt(at)) return false;
  }
  return true;
}
