// @ts-nocheck AssemblyScript
// CPU sets of the calling thread.

import { schedGetaffinity, schedSetaffinity } from 'wasm-rseq/assembly';

/** Bytes of a set of 256 CPUs. */
export const SET_BYTES: i32 = 32;

/** Stay on `cpu`. `set` is room for a set. */
export function pinTo(cpu: i32, set: usize): void {
  memory.fill(set, 0, SET_BYTES);
  include(set, cpu);
  setAffinity(set);
}

export function include(set: usize, cpu: i32): void {
  const word = set + <usize>(cpu >> 5) * 4;
  store<i32>(word, load<i32>(word) | (1 << (cpu & 31)));
}

export function has(set: usize, cpu: i32): bool {
  return ((load<i32>(set + <usize>(cpu >> 5) * 4) >> (cpu & 31)) & 1) != 0;
}

export function getAffinity(set: usize): void {
  assert(schedGetaffinity(0, SET_BYTES, set) == SET_BYTES);
}

export function setAffinity(set: usize): void {
  assert(schedSetaffinity(0, SET_BYTES, set) == 0);
}
