// The fence of the library: behind it, no section goes on that was under way, with every ABI.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import { type Observer, TraceEvent } from '../../src/kernel/index.js';
import { bootSource } from '../guests/compile.js';

/** Threads count unless they are stopped; main stops them, fences, and returns whether anybody counted after that. */
const SOURCE = `// @ts-nocheck AssemblyScript
import {
  counterCreate, counterSum, COUNTER_STRIDE, fenceSections, FENCE_BYTES, join, nrCpus, nrThreads, rseq,
  schedGetaffinity, schedSetaffinity, schedYield, setCpuOnline, spawn,
} from 'wasm-rseq/assembly';

const TIMES: i32 = 50;
/** i32: 0 go, 1 stop, 2 end. */
const state: usize = memory.data(4, 4);
let counter: usize = 0;

function work(_n: usize): i32 {
  while (atomic.load<i32>(state) != 2) {
    rseq.restart();
    rseq.start();
    if (load<i32>(state) == 0) {
      const slot = counter + <usize>rseq.cpuId() * COUNTER_STRIDE;
      store<i32>(slot, load<i32>(slot) + 1);
    }
    rseq.end();
  }
  return 0;
}

function countedBehindTheFence(room: usize): i32 {
  atomic.store<i32>(state, 1);
  if (isFenced) fenceSections(room);
  const sum = counterSum(counter);
  for (let n = 0; n < 4; n++) schedYield();
  const late = <i32>(counterSum(counter) - sum);
  atomic.store<i32>(state, 0);
  for (let n = 0; n < 4; n++) schedYield();
  return late;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  counter = counterCreate();
  const room = heap.alloc(FENCE_BYTES);
  const affinity = heap.alloc(32);
  if (nrCpus() > 2) setCpuOnline(1, false);
  const tids = new StaticArray<i32>(nrThreads());
  for (let n = 0; n < nrThreads(); n++) tids[n] = spawn(work, n);
  memory.fill(affinity, 0, 32);
  store<u8>(affinity, 1);
  schedSetaffinity(0, 32, affinity);
  let late = 0;
  for (let n = 0; n < TIMES; n++) late += countedBehindTheFence(room);
  atomic.store<i32>(state, 2);
  for (let n = 0; n < nrThreads(); n++) join(tids[n]);
  assert(counterSum(counter) > 0, 'nobody has counted');
  schedGetaffinity(0, 32, affinity);
  assert(load<u8>(affinity) == 1, 'runs elsewhere than before');
  return late == 0 ? 0 : 1;
}
`;

async function isCountedLate(abi: AbiName, isFenced: boolean): Promise<boolean> {
  const source = `${SOURCE}const isFenced: bool = ${isFenced};\n`;
  const options = { cpus: abi === 'ras' ? 1 : 12, threads: 12, quantum: 23, seed: 1 };
  const host = await bootSource(source, options, { abi });
  const { exitCode } = host.run();
  expect([0, 1]).toContain(exitCode);
  return exitCode === 1;
}

class CpusThatRan implements Observer {
  readonly cpus = new Set<number>();

  event(kind: TraceEvent, _time: number, cpu: number): void {
    if (kind === TraceEvent.Run) this.cpus.add(cpu);
  }
}

describe('fenceSections', () => {
  test('brings the caller to each CPU where there is no call for it', async () => {
    const source = `
import { fenceSections, FENCE_BYTES } from 'wasm-rseq/assembly';
export function main(): i32 {
  fenceSections(heap.alloc(FENCE_BYTES));
  return 0;
}
`;
    const ran = new CpusThatRan();
    const host = await bootSource(source, { cpus: 12, observers: [ran] });

    host.run();

    expect([...ran.cpus].sort((one, other) => one - other)).toEqual([...Array(12).keys()]);
  });

  test.each(ABI_NAMES)('lets nobody commit who was in a section, on %s', async (abi) => {
    expect(await isCountedLate(abi, true)).toBe(false);
  });

  // With ras there is one CPU, and whoever runs there has interrupted all others.
  test.each(ABI_NAMES.filter((abi) => abi !== 'ras'))('is needed on %s', async (abi) => {
    expect(await isCountedLate(abi, false)).toBe(true);
  });
});
