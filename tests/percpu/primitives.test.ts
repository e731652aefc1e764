// Every primitive of the library: its laws, one interruption at every point of its sections, random
// schedules, a hammer; what is conserved tells. And without its labels it fails.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName, type CodeMap } from '../../src/abi/index.js';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import {
  type Choice,
  type Observer,
  type Scheduler,
  type SchedulerView,
  TraceEvent,
} from '../../src/kernel/index.js';
import { compileGuests, type ProgramOptions } from './programs.js';

/** A guest of guests/ each: laws() asserts, hammer() returns what nrThreads threads have lost between them. */
const PRIMITIVES = [
  'bitmap',
  'compare-exchange',
  'counter',
  'hash-map',
  'list',
  'malloc',
  'mempool',
  'ops',
  'rcu',
  'refcount',
  'ring',
  'slab',
  'spinlock',
  'stack',
];
/** With a program of their own: malloc chooses the runtime, and uses the slabs. */
const ALONE = ['malloc', 'slab'];
const SEEDS = [1, 2, 3, 4, 5];

interface RunOptions extends Omit<HostOptions, 'wasm' | 'args'> {
  readonly abi?: AbiName;
  readonly isTwin?: boolean;
  /** How often each thread of the hammer does it. */
  readonly times?: number;
}

interface Guest {
  readonly module: WebAssembly.Module;
  readonly sourceMap: string;
}

const guests = new Map<string, Promise<Guest>>();

/** Once for all tests. The kernel of ras takes 16 sequences at most. */
function compileFor(name: string, abi: AbiName, isTwin: boolean): Promise<Guest> {
  const isAlone = abi === 'ras' || ALONE.includes(name);
  const names = isAlone ? [name] : PRIMITIVES.filter((each) => !ALONE.includes(each));
  const key = [abi, isTwin, ...names].join();
  const guest = guests.get(key) ?? compile(names, { abi, isTwin });
  guests.set(key, guest);
  return guest;
}

async function compile(names: readonly string[], options: ProgramOptions): Promise<Guest> {
  const { wasm, sourceMap } = await compileGuests(names, options);
  return { module: await WebAssembly.compile(wasm as BufferSource), sourceMap };
}

async function run(
  name: string,
  what: 'laws' | 'hammer',
  { isTwin = false, times = 1, abi = 'turner', ...options }: RunOptions,
): Promise<{ readonly map: CodeMap; readonly result: Result }> {
  const { module: wasm, sourceMap } = await compileFor(name, abi, isTwin);
  const args = [name, what, String(times)];
  const settings = { sourceMap, args, fuelLimit: 5e7, ...options };
  const cpus = abi === 'ras' ? 1 : (options.cpus ?? 3);
  const host = await createHost({ wasm, ...settings, cpus });
  return { map: host.map, result: host.run() };
}

const MAIN = 1;
const VICTIM = 2;
const OTHER = 3;
/** More than a thread of a sweep needs to its end. */
const LONG = 20_000;

/** Main until it waits; the victim for `quantum`; the other, and the victim, in turns. */
class OneInterrupt implements Scheduler {
  readonly name = 'one-interrupt';
  #turn = 0;

  constructor(readonly quantum: number) {}

  pick(view: SchedulerView, choice: Choice): void {
    choice.cpu = 0;
    choice.fuel = LONG;
    choice.tid = MAIN;
    if (view.runnable(MAIN) !== undefined) return;
    const isFirst = this.#turn === 0;
    const [tid, instead] = this.#turn++ % 2 === 0 ? [VICTIM, OTHER] : [OTHER, VICTIM];
    choice.tid = view.runnable(tid) === undefined ? instead : tid;
    if (isFirst) choice.fuel = this.quantum;
  }
}

/** Where the victim is interrupted first, 0 when its slice ends in a system call; and who ends first. */
class FirstEvents implements Observer {
  interruptedIp = 0;
  endedTid = 0;

  event(kind: TraceEvent, _time: number, _cpu: number, tid: number, ip: number): void {
    if (kind === TraceEvent.Interrupt && tid === VICTIM) this.interruptedIp ||= ip;
    if (kind === TraceEvent.Exit) this.endedTid ||= tid;
  }
}

describe.each(PRIMITIVES)('%s', (name) => {
  test.each(ABI_NAMES)('keeps its laws on %s', async (abi) => {
    const { result } = await run(name, 'laws', { abi });

    expect(result.failure).toBeUndefined();
  });

  test.each(ABI_NAMES)('conserves, interrupted once at any point, on %s', async (abi) => {
    const interrupted = new Set<number>();
    let map: CodeMap | undefined;
    for (let quantum = 1, isDone = false; !isDone; quantum++) {
      const first = new FirstEvents();
      const options = { abi, cpus: 1, threads: 2, times: 2, observers: [first] };
      const scheduler = new OneInterrupt(quantum);
      const ran = await run(name, 'hammer', { ...options, scheduler });
      expect(ran.result.failure, `quantum ${quantum}`).toBeUndefined();
      interrupted.add(first.interruptedIp);
      isDone = first.endedTid === VICTIM;
      map = ran.map;
    }

    const sections = map?.sections.filter(({ start }) => interrupted.has(start)) ?? [];
    expect(sections).not.toEqual([]);
    for (const { end } of sections) expect(interrupted).toContain(end - 1);
  });

  describe.each(SEEDS)('under random schedules, seed %i', (seed) => {
    test.each(ABI_NAMES)('conserves on %s', async (abi) => {
      const options = { abi, threads: 4, times: 20, quantum: 61, seed };
      const { result } = await run(name, 'hammer', options);

      expect(result.failure).toBeUndefined();
    });
  });

  test.each(ABI_NAMES)('conserves under a hammer on %s', async (abi) => {
    const { result } = await run(name, 'hammer', { abi, threads: 16, times: 300, quantum: 97 });

    expect(result.failure).toBeUndefined();
    if (abi !== 'percpu-signal') expect(result.restarts).toBeGreaterThan(0);
  });

  test('without labels loses something', async () => {
    const failures = [];
    for (const seed of SEEDS) {
      const options = { isTwin: true, threads: 8, times: 100, quantum: 37, seed, fuelLimit: 2e6 };
      const { result } = await run(name, 'hammer', options);
      failures.push(result.failure);
    }

    expect(failures).not.toEqual(SEEDS.map(() => undefined));
  });
});
