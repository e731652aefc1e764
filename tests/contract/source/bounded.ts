// @ts-nocheck AssemblyScript
// A program that declares how much memory it wants at most.

import { announce } from './announce';

function grow(n: usize): i32 {
  return memory.grow(<i32>n);
}

export function main(): i32 {
  const entry: (n: usize) => i32 = grow;
  announce('grow', entry.index);
  return 0;
}
