// The stubs of assembly/sys.ts, in Wasm: each reaches the call it is named after with its arguments in
// their places.

import { expect, test } from 'vitest';
import { bootSource } from '../guests/compile.js';

/** Runs `body` as the rest of main; every check that fails prints a line. */
async function run(body: string, functions = ''): Promise<{ printed: string[]; ok: boolean }> {
  const source = `
import { print, printNumber, signal, spawn, join, kill } from 'wasm-rseq/assembly';
import * as sys from 'wasm-rseq/assembly/sys';

const WORD = heap.alloc(64);
const TIME = heap.alloc(64);

function check(what: string, found: i32, expected: i32): void {
  if (found == expected) return;
  print(what);
  printNumber(found);
}
${functions}
export function main(): i32 {
  memory.fill(WORD, 0, 64);
  memory.fill(TIME, 0, 64);
${body}
  return 0;
}`;
  const host = await bootSource(source, { cpus: 4, quantum: 50 });
  const { ok } = host.run();
  return { printed: host.printed, ok };
}

test('clocks, sleeps, random bytes, hot-plug, per-CPU area, prctl', async () => {
  const result = await run(`
  check('time', sys.clockGettime(sys.Clock.Monotonic, TIME), 0);
  const before = load<u64>(TIME, 8);
  check('clock', sys.clockGettime(99, TIME), -22);
  store<u64>(TIME, 0);
  store<u64>(TIME, 5000, 8);
  check('sleep', sys.nanosleep(TIME, 0), 0);
  check('sleep by clock', sys.clockNanosleep(sys.Clock.BootTime, 0, TIME, 0), 0);
  check('sleep until', sys.clockNanosleep(sys.Clock.BootTime, 1, TIME, 0), 0);
  check('sleep by no clock', sys.clockNanosleep(sys.Clock.ThreadCpuTime, 0, TIME, 0), -95);
  check('time', sys.clockGettime(sys.Clock.Monotonic, TIME), 0);
  check('slept', load<u64>(TIME, 8) - before >= 10000 ? 1 : 0, 1);
  check('random', sys.getrandom(WORD, 16, 1), 16);
  check('random flags', sys.getrandom(WORD, 16, 8), -22);
  check('offline', sys.setCpuOnline(3, false), 0);
  check('no cpu', sys.setCpuOnline(4, false), -22);
  check('online', sys.setCpuOnline(3, true), 0);
  check('area', sys.setPercpuArea(WORD, 16), 0);
  check('no area', sys.setPercpuArea(0, 0), 0);
  check('prctl', sys.prctl(79, 1, 0, 0, 0), -38);
  check('query', sys.membarrier(sys.MembarrierCommand.Query, 0, 0), 0x27f);
  check('barrier', sys.membarrier(sys.MembarrierCommand.PrivateExpedited, 0, 0), -1);
  check('flags', sys.membarrier(sys.MembarrierCommand.Query, 1, 0), -22);`);

  expect(result).toEqual({ printed: [], ok: true });
});

test('futexes', async () => {
  const result = await run(
    `
  const first = spawn(waiter, 1);
  const second = spawn(waiter, 2);
  while (load<i32>(WORD, 20) == 0 || load<i32>(WORD, 24) == 0) sys.schedYield();
  // They are about to wait: let them.
  store<u64>(TIME, 100000, 8);
  check('sleep', sys.nanosleep(TIME, 0), 0);
  check('wrong value', sys.futexRequeueIf(WORD, 7, 1, 1, WORD + 8), -11);
  check('move', sys.futexRequeueIf(WORD, 0, 0, 1, WORD + 8), 1);
  check('no bits in common', sys.futexWakeBits(WORD + 8, 1, 4), 0);
  check('wake the moved', sys.futexWakeBits(WORD + 8, 1, 3), 1);
  check('move back', sys.futexRequeue(WORD, 0, 1, WORD + 8), 1);
  check('wake', sys.futexWake(WORD + 8, 9), 1);
  check('first', join(first), 0);
  check('second', join(second), 0);
  check('wait for another value', sys.futexWait(WORD, 1, 0), -11);
  check('wait a while', sys.futexWait(WORD, 0, TIME), -110);
  check('wait until then', sys.futexWaitBits(WORD, 0, TIME, 1), -110);
  check('wait for no bits', sys.futexWaitBits(WORD, 0, TIME, 0), -22);`,
    `
function waiter(bits: usize): i32 {
  store<i32>(WORD + 16 + 4 * bits, 1);
  return sys.futexWaitBits(WORD, 0, 0, <i32>bits);
}`,
  );

  expect(result).toEqual({ printed: [], ok: true });
});

test('the context of a signal', async () => {
  const result = await run(
    `
  check('outside a handler', sys.signalContext(0, sys.FrameRegister.Ip), -2);
  signal(10, onSignal);
  kill(1, 10);
  check('handled', load<i32>(WORD), 1);`,
    `
function onSignal(signo: i32): void {
  check('an address', sys.signalContext(0, sys.FrameRegister.Ip) >= 0x1000 ? 1 : 0, 1);
  check('no such frame', sys.signalContext(1, sys.FrameRegister.Ip), -2);
  check('set', sys.setSignalContext(0, sys.FrameRegister.R10, 77), 0);
  check('get', sys.signalContext(0, sys.FrameRegister.R10), 77);
  store<i32>(WORD, 1);
}`,
  );

  expect(result).toEqual({ printed: [], ok: true });
});
