// @ts-nocheck AssemblyScript
// How a guest of the suite tells the recorder what its scripts call things: a system call for each.

import { syscall } from 'wasm-rseq/assembly/sys';

/** announce(address of the UTF-16 name, its bytes, value). */
export const ANNOUNCE = 0x7000;

export function announce(name: string, value: usize): void {
  syscall(ANNOUNCE, <i32>changetype<usize>(name), name.length << 1, <i32>value, 0, 0, 0);
}
