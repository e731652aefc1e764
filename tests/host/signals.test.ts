// Signals on real Wasm: handlers run on the interrupted thread, can themselves be interrupted, use
// sections, and nest; a section they interrupt restarts, and the frame never holds an ip inside one.

import { describe, expect, test } from 'vitest';
import { sectionAt } from '../../src/abi/index.js';
import { type Observer, TraceEvent } from '../../src/kernel/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

const HEAD = `import { rseq, spawn, join, signal, kill, self, thread, printNumber, nrCpus } from 'wasm-rseq/assembly';
import * as sys from 'wasm-rseq/assembly/sys';
const USR1 = 10;
const USR2 = 12;
let slots: usize = memory.data(4096, 64);
let handled: usize = memory.data(16, 16);
function add(field: i32): void {
  rseq.restart();
  rseq.start();
  const slot = slots + <usize>rseq.cpuId() * 64 + <usize>field * 8;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
}
function total(field: i32): i32 {
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(slots + <usize>cpu * 64 + <usize>field * 8);
  return sum;
}
`;

/** Workers count in field 0 while main sends them signals whose handler counts in fields 0 and 1. */
const STORM = `${HEAD}
function onSignal(signo: i32): void {
  add(0);
  add(1);
  atomic.add<i32>(handled, 1);
}
function worker(n: usize): i32 {
  for (let i = 0; i < 300; i++) add(0);
  return 0;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  assert(signal(USR1, onSignal) == 0);
  assert(signal(USR2, onSignal) == 0);
  const a = spawn(worker, 0), b = spawn(worker, 0);
  for (let i = 0; i < 60; i++) {
    kill(a, USR1); kill(b, USR2); kill(b, USR1);
    kill(self(), USR2);
    thread.yield();
  }
  join(a); join(b);
  const signals = atomic.load<i32>(handled);
  printNumber(total(0)); printNumber(total(1)); printNumber(signals);
  return 0;
}`;

/** Every frame's saved ip, and every interrupt. */
class FrameWatch implements Observer {
  readonly frames: number[] = [];
  event(kind: TraceEvent, _time: number, _cpu: number, _tid: number, _a: number, b: number): void {
    if (kind === TraceEvent.Signal) this.frames.push(b);
  }
}

describe('signals', () => {
  test.each([3, 5, 8, 13, 21, 34, 55, 89])(
    'under a storm of them nothing is lost, seed and quantum %i',
    async (seed) => {
      const watch = new FrameWatch();
      const host = await bootProgram(await compileSource(STORM), {
        cpus: 2,
        seed,
        quantum: seed,
        fuelLimit: 2e7,
        observers: [watch],
      });

      const result = host.run();

      const [all = 0, inHandler = 0, handled = 0] = host.printed.map(Number);
      expect(result.failure).toBeUndefined();
      expect(result.signals).toBe(handled);
      expect([inHandler, all]).toEqual([handled, 600 + handled]);
      expect(handled).toBeGreaterThan(50);
      for (const ip of watch.frames) expect(sectionAt(host.map, ip)).toBeUndefined();
    },
  );

  test('give the same trace hash every time', async () => {
    const program = await compileSource(STORM);
    const hash = async (): Promise<string> =>
      (await bootProgram(program, { cpus: 2, quantum: 40 })).run().traceHash;

    expect(await hash()).toBe(await hash());
  });

  test('that arrive inside a section send the thread to its restart label first', async () => {
    const source = `${HEAD}
      function onSignal(signo: i32): void { atomic.add<i32>(handled, 1); }
      function worker(n: usize): i32 {
        let restarts = 0;
        for (let i = 0; i < 500; i++) {
          if (rseq.restart()) restarts++;
          rseq.start();
          const slot = slots + <usize>rseq.cpuId() * 64;
          store<i32>(slot, load<i32>(slot) + 1);
          rseq.end();
        }
        return restarts;
      }
      export function main(): i32 {
        assert(rseq.register() == 0);
        signal(USR1, onSignal);
        const a = spawn(worker, 0);
        for (let i = 0; i < 100; i++) { kill(a, USR1); thread.yield(); }
        printNumber(join(a));
        printNumber(total(0));
        return 0;
      }`;
    const host = await bootProgram(await compileSource(source), { cpus: 2, quantum: 17 });

    const result = host.run();

    expect(result.ok).toBe(true);
    expect(Number(host.printed[0])).toBe(result.restarts);
    expect(result.restarts).toBeGreaterThan(0);
    expect(host.printed[1]).toBe('500');
  });

  test('wake a thread that waits in join, which waits again', async () => {
    const source = `${HEAD}
      function onSignal(signo: i32): void { atomic.add<i32>(handled, 1); }
      function slow(n: usize): i32 { for (let i = 0; i < 200; i++) thread.yield(); return 7; }
      function waiter(n: usize): i32 { return join(<i32>n); }
      export function main(): i32 {
        signal(USR1, onSignal);
        const a = spawn(slow, 0);
        const b = spawn(waiter, a);
        for (let i = 0; i < 20; i++) { kill(b, USR1); thread.yield(); }
        return join(b) == 7 && atomic.load<i32>(handled) > 0 ? 0 : 1;
      }`;
    const host = await bootProgram(await compileSource(source), { cpus: 2, quantum: 50 });

    expect(host.run().failure).toBeUndefined();
  });

  test('whose handlers join leave the status that their thread joins alone', async () => {
    const source = `${HEAD}
      let other: i32 = 0;
      function onSignal(signo: i32): void { join(other); }
      function give(n: usize): i32 { return <i32>n; }
      function killer(target: usize): i32 {
        for (let i = 0; i < 400; i++) { kill(<i32>target, USR1); thread.yield(); }
        return 0;
      }
      export function main(): i32 {
        rseq.register();
        other = spawn(give, 222);
        join(other);
        signal(USR1, onSignal);
        const k = spawn(killer, self());
        let wrong = 0;
        for (let i = 0; i < 100; i++) if (join(spawn(give, 111)) != 111) wrong++;
        join(k);
        return wrong;
      }`;
    const program = await compileSource(source);
    for (const quantum of [50, 200]) {
      const host = await bootProgram(program, { cpus: 2, quantum, fuelLimit: 1e7 });

      expect(host.run().failure).toBeUndefined();
    }
  });

  test('blocked by the mask wait until it is lifted', async () => {
    const source = `${HEAD}
      function onSignal(signo: i32): void { store<i32>(handled, load<i32>(handled) + 1); }
      export function main(): i32 {
        const set = memory.data(8);
        store<u64>(set, 1 << (USR1 - 1));
        signal(USR1, onSignal);
        sys.rtSigprocmask(0, set, 0);
        kill(self(), USR1);
        kill(self(), USR1);
        if (load<i32>(handled) != 0) return 1;
        sys.rtSigprocmask(1, set, 0);
        thread.yield();
        return load<i32>(handled) == 1 ? 0 : 2;
      }`;
    const host = await bootProgram(await compileSource(source));

    expect(host.run().failure).toBeUndefined();
  });

  test('without a handler kill the process by their name', async () => {
    const source = `${HEAD} export function main(): i32 { kill(self(), 15); thread.yield(); return 0; }`;
    const host = await bootProgram(await compileSource(source));

    expect(host.run().failure).toMatchObject({ kind: 'signal', signal: 'SIGTERM' });
  });
});

describe('the library', () => {
  test('prints numbers whole, whoever prints at the same time', async () => {
    const source = `import { printNumber, spawn, join } from 'wasm-rseq/assembly';
      function worker(n: usize): i32 { for (let i = 0; i < 20; i++) printNumber(n); return 0; }
      export function main(): i32 {
        const a = spawn(worker, 11111111), b = spawn(worker, 22222222);
        return join(a) + join(b);
      }`;
    const host = await bootProgram(await compileSource(source), { cpus: 2, quantum: 23 });

    host.run();

    expect(new Set(host.printed)).toEqual(new Set(['11111111', '22222222']));
  });
});
