// The command line: letters and defaults of param_test. main reads it before there are other threads.

import { argument, argumentCount, print } from 'wasm-rseq/assembly';
import { PercpuMode } from 'wasm-rseq/assembly/percpu/ops';

/** What -f says. */
export enum Fence {
  None = 0,
  OneCpu = 1,
  AllCpus = 2,
}

/** A letter: s, l, b, m, i or r. */
export let test: i32 = 0x73;
export let threads: i32 = 200;
export let reps: i32 = 5000;
/** Do something in one of how many passes of a point; 0: never. */
export let modulo: i32 = 0;
export let isYielding: bool = false;
export let isKilling: bool = false;
export let sleepMs: i32 = 0;
/** Thread 0, and every so many behind it, does not register; 0: all do. */
export let unregisteredEvery: i32 = 0;
export let isRelease: bool = false;
export let mode: PercpuMode = PercpuMode.CpuId;
export let fence: Fence = Fence.OneCpu;
export let isVerbose: bool = false;
export let isHelp: bool = false;

const loops: usize = memory.data(10 * 4);

/** How often point 1 to 9 loops; -1: what is done there is what modulo says. */
// @ts-ignore: decorator
@inline
export function loopsAt(point: i32): i32 {
  return load<i32>(loops + <usize>point * 4);
}

const USAGE = `usage: wasm-rseq run examples/param-test/main.ts -- [OPTIONS]

  -T TEST  (s)pinlock, (l)ist, (b)uffer, (m)emcpy, (i)ncrement, membarrie(r); s
  -t N     threads; 200
  -r N     repetitions of each thread or, of -T r, of the manager; 5000
  -1 N     loops of delay at point 1, and so on to -9; where they are -1, -m counts
  -m N     sleep, yield and kill in one of N passes of such a point; 0: never
  -y       yield
  -k       kill the thread with a signal, which it handles
  -s MS    sleep so many milliseconds
  -d       no thread registers
  -D M     one in M threads does not
  -M       release forms, of -T s, b and m
  -c       concurrency ids instead of CPUs
  -f N     of -T r: 0 no fence, 1 one of a CPU, 2 one of all; 1
  -v       say what is done
  -h       this text
`;

const SIZE: i32 = 16;
const text: usize = memory.data(16);

/** Returns false when they cannot be read. */
export function readOptions(): bool {
  let index = 0;
  while (index < argumentCount()) {
    const taken = takeOption(index);
    if (taken == 0) return false;
    index += taken;
  }
  return true;
}

export function printUsage(): void {
  print(USAGE);
}

/** Returns how many arguments it consists of; 0: there is no such option. */
function takeOption(index: i32): i32 {
  if (argument(index, text, SIZE) != 2 || load<u8>(text) != 0x2d) return 0;
  const letter = load<u8>(text, 1);
  if (takeSwitch(letter)) return 1;
  const length = argument(index + 1, text, SIZE);
  if (letter == 0x54) return takeTest(length) ? 2 : 0; // T
  return length > 0 && length <= SIZE && takeNumber(letter, numberOf(length)) ? 2 : 0;
}

function takeSwitch(letter: i32): bool {
  if (letter == 0x79) isYielding = true; // y
  else if (letter == 0x6b) isKilling = true; // k
  else if (letter == 0x64) unregisteredEvery = 1; // d
  else if (letter == 0x4d) isRelease = true; // M
  else if (letter == 0x63) mode = PercpuMode.MmCid; // c
  else if (letter == 0x76) isVerbose = true; // v
  else if (letter == 0x68) isHelp = true; // h
  else return false;
  return true;
}

function takeTest(length: i32): bool {
  test = load<u8>(text);
  return length == 1;
}

function takeNumber(letter: i32, value: i32): bool {
  if (letter > 0x30 && letter < 0x3a) {
    store<i32>(loops + <usize>(letter - 0x30) * 4, value);
    return value >= -1;
  }
  if (letter == 0x74) threads = value; // t
  else if (letter == 0x72) reps = value; // r
  else if (letter == 0x6d) modulo = value; // m
  else if (letter == 0x73) sleepMs = value; // s
  else if (letter == 0x44) unregisteredEvery = value; // D
  else if (letter == 0x66) fence = value; // f
  else return false;
  return value >= 0 && fence <= Fence.AllCpus;
}

/** What `text` says, a decimal number; less than -1 when it is none. */
function numberOf(length: i32): i32 {
  const isNegative = load<u8>(text) == 0x2d;
  let value: i64 = 0;
  for (let at = isNegative ? 1 : 0; at < length; at++) {
    const digit = load<u8>(text + <usize>at) - 0x30;
    if (digit > 9 || value > i32.MAX_VALUE) return i32.MIN_VALUE;
    value = value * 10 + digit;
  }
  if (value > i32.MAX_VALUE) return i32.MIN_VALUE;
  return <i32>(isNegative ? -value : value);
}
