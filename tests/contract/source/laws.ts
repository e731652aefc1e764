// @ts-nocheck AssemblyScript
// The guest of most scripts: small functions, each for a few clauses of the module contract. main announces
// their table indices.

import { rseq } from 'wasm-rseq/assembly';
import { syscall } from 'wasm-rseq/assembly/sys';
import { threadPointer } from 'wasm-rseq/assembly/tcb';
import { announce } from './announce';

const SYSNO = 0x7001;
const HANDLER_SYSNO = 0x7002;
const PAGE_BYTES: usize = 65536;

/** What the section counts in, and what others read and write. */
const CELL: usize = memory.data(64, 16);

/** Of all threads, and not in memory. */
let turns: i32 = 0;

type ThreadFunction = (n: usize) => i32;

function returnArgument(n: usize): i32 {
  return <i32>n;
}

function spin(n: usize): i32 {
  let count = 0;
  while (count < <i32>n) count++;
  return count;
}

function callSystem(n: usize): i32 {
  return syscall(SYSNO, <i32>n, -1, 2, 3, 4, 5);
}

function callTwice(n: usize): i32 {
  const first = syscall(SYSNO, <i32>n, 0, 0, 0, 0, 0);
  return first - syscall(SYSNO, first, 0, 0, 0, 0, 0);
}

function section(_n: usize): i32 {
  const r10 = rseq.restart();
  rseq.start();
  store<i32>(CELL, load<i32>(CELL) + 1);
  rseq.end();
  return r10;
}

/** Gives up when it is interrupted. */
function attempt(_n: usize): i32 {
  if (rseq.restart()) return -1;
  rseq.start();
  store<i32>(CELL, load<i32>(CELL) + 1, 4);
  rseq.end();
  return 0;
}

function readThreadPointer(_n: usize): i32 {
  return <i32>threadPointer();
}

function readPercpuBase(_n: usize): i32 {
  return <i32>rseq.percpuBase();
}

/** Frames with a local each that has to survive, and a system call below them all. */
function recurse(n: usize): i32 {
  if (n == 0) return syscall(SYSNO, 0, 0, 0, 0, 0, 0);
  return <i32>n + recurse(n - 1);
}

/** Frames of some 200 bytes, most of it locals: 1500 of them do not fit into the host's pages. */
function recurseWide(n: usize): i32 {
  if (n == 0) return syscall(SYSNO, 0, 0, 0, 0, 0, 0);
  const a = load<i64>(CELL, 0);
  const b = load<i64>(CELL, 1);
  const c = load<i64>(CELL, 2);
  const d = load<i64>(CELL, 3);
  const e = load<i64>(CELL, 4);
  const f = load<i64>(CELL, 5);
  const g = load<i64>(CELL, 6);
  const h = load<i64>(CELL, 7);
  const i = load<i64>(CELL, 8);
  const j = load<i64>(CELL, 9);
  const k = load<i64>(CELL, 10);
  const l = load<i64>(CELL, 11);
  const m = load<i64>(CELL, 12);
  const o = load<i64>(CELL, 13);
  const p = load<i64>(CELL, 14);
  const q = load<i64>(CELL, 15);
  const r = load<i64>(CELL, 16);
  const s = load<i64>(CELL, 17);
  const t = load<i64>(CELL, 18);
  const u = load<i64>(CELL, 19);
  const v = load<i64>(CELL, 20);
  const w = load<i64>(CELL, 21);
  const x = load<i64>(CELL, 22);
  const y = load<i64>(CELL, 23);
  // In turns, so that no sum can be made in front of the call.
  let sum = <i64>recurseWide(n - 1);
  sum = (sum ^ a) + b;
  sum = (sum ^ c) + d;
  sum = (sum ^ e) + f;
  sum = (sum ^ g) + h;
  sum = (sum ^ i) + j;
  sum = (sum ^ k) + l;
  sum = (sum ^ m) + o;
  sum = (sum ^ p) + q;
  sum = (sum ^ r) + s;
  sum = (sum ^ t) + u;
  sum = (sum ^ v) + w;
  sum = (sum ^ x) + y;
  return <i32>sum;
}

function pages(_n: usize): i32 {
  return memory.size();
}

/** Grows by n pages, and returns the bits that it finds there. */
function growAndLook(n: usize): i32 {
  const before = memory.grow(<i32>n);
  if (before < 0) return before;
  let found: u32 = 0;
  const end = <usize>memory.size() * PAGE_BYTES;
  for (let at = <usize>before * PAGE_BYTES; at < end; at += 16) {
    found |= load<u32>(at) | load<u32>(at, 4) | load<u32>(at, 8) | load<u32>(at, 12);
  }
  return <i32>found;
}

/** The context is elsewhere when the call comes. */
function growAndCall(n: usize): i32 {
  const before = memory.grow(<i32>n);
  return before * 100 + syscall(SYSNO, before, 0, 0, 0, 0, 0);
}

function countTurn(_n: usize): i32 {
  turns += 1;
  return turns;
}

function access(_n: usize): i32 {
  store<u8>(CELL, load<u8>(CELL, 8));
  store<i64>(CELL, 1, 16);
  memory.copy(CELL + 32, CELL + 16, 8);
  return load<u16>(CELL, 32);
}

function handler(signo: i32): void {
  syscall(HANDLER_SYSNO, signo, 0, 0, 0, 0, 0);
}

function spinningHandler(signo: i32): void {
  if (spin(50) == 50) syscall(HANDLER_SYSNO, signo, 0, 0, 0, 0, 0);
}

function reachUnreachable(_n: usize): i32 {
  if (load<i32>(CELL, 60) == 0) unreachable();
  return 0;
}

function loadOutside(n: usize): i32 {
  return load<i32>(n);
}

function divide(n: usize): i32 {
  return 100 / <i32>n;
}

function callIndex(n: usize): i32 {
  return call_indirect<i32>(<u32>n, <usize>7);
}

function announceFunction(name: string, entry: ThreadFunction): void {
  announce(name, entry.index);
}

export function main(): i32 {
  announce('cell', CELL);
  announceFunction('returnArgument', returnArgument);
  announceFunction('spin', spin);
  announceFunction('callSystem', callSystem);
  announceFunction('callTwice', callTwice);
  announceFunction('section', section);
  announceFunction('attempt', attempt);
  announceFunction('readThreadPointer', readThreadPointer);
  announceFunction('readPercpuBase', readPercpuBase);
  announceFunction('recurse', recurse);
  announceFunction('recurseWide', recurseWide);
  announceFunction('pages', pages);
  announceFunction('growAndLook', growAndLook);
  announceFunction('growAndCall', growAndCall);
  announceFunction('countTurn', countTurn);
  announceFunction('access', access);
  announceFunction('reachUnreachable', reachUnreachable);
  announceFunction('loadOutside', loadOutside);
  announceFunction('divide', divide);
  announceFunction('callIndex', callIndex);
  let signalled: (signo: i32) => void = handler;
  announce('handler', signalled.index);
  signalled = spinningHandler;
  announce('spinningHandler', signalled.index);
  return 0;
}
