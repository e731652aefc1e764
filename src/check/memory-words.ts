// Words of memory, and of what stands for it.

import { isGlobal } from './globals.js';

/** The addresses of the words that a range of bytes touches, as far as there is memory. */
export function wordsOf(address: number, bytes: number, sizeBytes: number): number[] {
  const end = isGlobal(address) ? address + bytes : Math.min(address + bytes, sizeBytes);
  const first = address - (address % 4);
  // Most are one word.
  if (first < end && first + 4 >= end) return [first];
  const words: number[] = [];
  for (let word = first; word < end; word += 4) words.push(word);
  return words;
}
