// legacy_check and check_optimized: who may count on the words being written again, and who gave that up.

import { describe, expect, test } from 'vitest';
import type { AbiName } from '../../src/abi/index.js';
import { compileText, run } from './guest.js';

const LEGACY = 32;

/** Arguments: the length of the area that main registers, and what it does then. */
const SOURCE = `
import { argument, getcpu, kill, nanosleep, printNumber, schedSetaffinity, self, signal, syscall }
  from 'wasm-rseq/assembly';
const room: usize = memory.data(256);
const words: usize = memory.data(32, 8);
const area: usize = (room + 63) & ~63;
function numberAt(index: i32): i32 {
  const length = argument(index, words, 16);
  let value = 0;
  for (let at = 0; at < length; at++) value = value * 10 + load<u8>(words + at) - 48;
  return value;
}
function sleepAndLook(): void {
  store<i32>(area, -1);
  store<i64>(words, 1);
  store<i64>(words, 0, 8);
  assert(nanosleep(words, 0) == 0);
  const found = load<i32>(area);
  getcpu(words, 0);
  printNumber(found - load<i32>(words));
}
function moveTo(cpu: i32): void {
  store<i32>(words, 1 << cpu);
  assert(schedSetaffinity(0, 4, words) == 0);
}
function printArea(): void {
  printNumber(load<i32>(area));
  printNumber(load<i32>(area, 4));
}
function onSignal(_signo: i32): void {
  printArea();
}
function signalItself(): void {
  signal(10, onSignal);
  moveTo(1);
  store<i32>(area, -1);
  kill(self(), 10);
  printArea();
}
function visitBoth(): void {
  moveTo(0);
  printArea();
  moveTo(1);
  printArea();
}
function moveSpoilt(): void {
  moveTo(0);
  store<i32>(area, -1);
  moveTo(1);
}
export function main(): i32 {
  assert(syscall(334, <i32>area, numberAt(0), 0, 0x53053053, 0, 0) == 0);
  const what = numberAt(1);
  if (what == 0) sleepAndLook();
  else if (what == 1) signalItself();
  else if (what == 2) visitBoth();
  else moveSpoilt();
  return 0;
}`;

const SLEEP = 0;
const SIGNAL = 1;
const VISIT = 2;
const MOVE_SPOILT = 3;

async function runArea(abi: AbiName, length: number, what: number) {
  const module = await compileText(SOURCE, { abi });
  return run(module, { abi, numbers: [length, what], cpus: 2, quantum: 97 });
}

describe.each(['linux', 'linux-v2'] as const)('%s, an area of 32 bytes', (abi) => {
  test('cpu_id_start that the program has spoilt is right after a sleep', async () => {
    const { result, printed } = await runArea(abi, LEGACY, SLEEP);

    expect(result.failure).toBeUndefined();
    expect(printed).toEqual([0]);
  });

  test('it is right in a signal handler, and after it', async () => {
    const { result, printed } = await runArea(abi, LEGACY, SIGNAL);

    expect(result.failure).toBeUndefined();
    expect(printed).toEqual([1, 1, 1, 1]);
  });
});

describe('linux-v2, a longer area', () => {
  test.each([33, 64, 128])('of %i bytes registers, and its words are right', async (length) => {
    const { result, printed } = await runArea('linux-v2', length, VISIT);

    expect(result.failure).toBeUndefined();
    expect(printed).toEqual([0, 0, 1, 1]);
  });

  test('cpu_id_start that the program has spoilt is SIGSEGV when it moves', async () => {
    const { result } = await runArea('linux-v2', 64, MOVE_SPOILT);

    expect(result.failure?.signal).toBe('SIGSEGV');
  });
});
