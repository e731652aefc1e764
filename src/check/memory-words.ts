// Words of memory, and of what stands for it.

import { isGlobal } from './globals.js';

export const WORD_BYTES = 4;

/** The first word that a range of bytes touches; the others follow, up to `wordsEnd`. */
export function firstWord(address: number): number {
  return address - (address % WORD_BYTES);
}

/** Where the words end that a range of bytes touches, as far as there is memory. */
export function wordsEnd(address: number, bytes: number, sizeBytes: number): number {
  return isGlobal(address) ? address + bytes : Math.min(address + bytes, sizeBytes);
}

/** The addresses of the words that a range of bytes touches, as far as there is memory. */
export function wordsOf(address: number, bytes: number, sizeBytes: number): number[] {
  const words: number[] = [];
  addWords(address, bytes, sizeBytes, words);
  return words;
}

/** The same, behind those that are in `to`. */
export function addWords(address: number, bytes: number, sizeBytes: number, to: number[]): void {
  const end = wordsEnd(address, bytes, sizeBytes);
  for (let word = firstWord(address); word < end; word += WORD_BYTES) to.push(word);
}
