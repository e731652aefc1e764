// @ts-nocheck AssemblyScript
// A module that shares a memory with another: its addresses are moved by a load bias.

import { rseq } from 'wasm-rseq/assembly';
import { syscall } from 'wasm-rseq/assembly/sys';
import { announce } from './announce';

const SYSNO = 0x7003;
const HANDLER_SYSNO = 0x7004;
const CELL: usize = memory.data(16, 16);

type ThreadFunction = (n: usize) => i32;

function section(_n: usize): i32 {
  const r10 = rseq.restart();
  rseq.start();
  store<i32>(CELL, load<i32>(CELL) + 1);
  rseq.end();
  return r10;
}

function callSystem(n: usize): i32 {
  return syscall(SYSNO, <i32>n, 0, 0, 0, 0, 0);
}

/** restartable_sequences(SET_CRITICAL, 0, start, end, restart), with the addresses of this module. */
function register(_n: usize): i32 {
  return rseq.register();
}

/** Stores what the other module reads. */
function storeArgument(address: usize): i32 {
  store<i32>(address, 4711);
  return 0;
}

function handler(signo: i32): void {
  syscall(HANDLER_SYSNO, signo, 0, 0, 0, 0, 0);
}

function announceFunction(name: string, entry: ThreadFunction): void {
  announce(name, entry.index);
}

export function main(): i32 {
  announce('cell', CELL);
  announceFunction('section', section);
  announceFunction('callSystem', callSystem);
  announceFunction('register', register);
  announceFunction('storeArgument', storeArgument);
  const signalled: (signo: i32) => void = handler;
  announce('handler', signalled.index);
  return 0;
}
