// librseq's operations on per-CPU words. The exhaustive sweep, for each of them and every ABI: the thread
// that does it is interrupted once, wherever it can be, and another one changes what it is about.
//
// Law: interrupted inside its section it has no effect and says -1; otherwise the two have done what they
// do, one after the other.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName, type CodeMap, sectionAt } from '../../src/abi/index.js';
import type { Choice, Observer, Scheduler, SchedulerView } from '../../src/kernel/index.js';
import { TraceEvent } from '../../src/kernel/index.js';
import type { Variant } from '../guests/variants.js';
import { compileGuest, run } from './guest.js';

const MAIN = 1;
const VICTIM = 2;
const OTHER = 3;

type Phase = 'before' | 'inside' | 'after';

/** The outcome, and what is there in the end, by where in the operation the other thread came. */
interface Operation extends Readonly<Record<Phase, readonly number[]>> {
  readonly name: string;
  /** In guests/one-liners.ts. */
  readonly number: number;
}

const OPERATIONS: readonly Operation[] = [
  {
    // The word, what the other thread has found there.
    name: 'load_cbne_store',
    number: 0,
    before: [1, 2, 0],
    inside: [-1, 2, 0],
    after: [0, 1, 1],
  },
  {
    // The nodes of the list, the node it has got, the node the other thread has kept.
    name: 'load_cbeq_store_add_load_store, ABA',
    number: 1,
    before: [0, 3, 1, 2],
    inside: [-1, 13, 0, 2],
    after: [0, 2, 1, 3],
  },
  {
    // The nodes of the list, the node it has got, how many the other thread has got.
    name: 'load_cbeq_store_add_load_store, empty',
    number: 2,
    before: [1, 0, 0, 3],
    inside: [-1, 0, 0, 3],
    after: [0, 0, 1, 2],
  },
  {
    name: 'load_add_store',
    number: 3,
    before: [0, 12, 0],
    inside: [-1, 7, 0],
    after: [0, 12, 0],
  },
  {
    // Both counters, what the other thread has found in the one that it retires.
    name: 'load_add_load_load_add_store',
    number: 4,
    before: [0, 0, 5, 0],
    inside: [-1, 0, 0, 0],
    after: [0, 5, 0, 5],
  },
  {
    // The word, what the other thread has found there when it changed the second one.
    name: 'load_cbne_load_cbne_store',
    number: 5,
    before: [1, 0, 0],
    inside: [-1, 0, 0],
    after: [0, 1, 1],
  },
  {
    // What is pushed, first and second.
    name: 'load_cbne_store_store',
    number: 6,
    before: [1, 22, 0, 0],
    inside: [-1, 22, 0, 0],
    after: [0, 11, 22, 0],
  },
  {
    // The same of items; -1 would be one of two halves.
    name: 'load_cbne_memcpy_store',
    number: 7,
    before: [1, 22, 0, 0],
    inside: [-1, 22, 0, 0],
    after: [0, 11, 22, 0],
  },
];

/** Main, then the victim up to its yield; the victim for `quantum`, the other to its end, the victim. */
class OneInterrupt implements Scheduler {
  readonly name = 'one-interrupt';
  #slices = 0;

  constructor(readonly quantum: number) {}

  pick(view: SchedulerView, choice: Choice): void {
    choice.cpu = 0;
    choice.fuel = 1e6;
    if (view.runnable(MAIN) !== undefined) choice.tid = MAIN;
    else if (++this.#slices <= 2) {
      choice.tid = VICTIM;
      if (this.#slices === 2) choice.fuel = this.quantum;
    } else choice.tid = view.runnable(OTHER) === undefined ? VICTIM : OTHER;
  }
}

interface Watch extends Observer {
  /** Where the victim was interrupted. */
  ip: number;
  /** Thread that ended first: the victim, once the quantum is longer than all it does. */
  firstToEnd: number;
}

function watch(): Watch {
  return {
    ip: 0,
    firstToEnd: 0,
    event(kind, _time, _cpu, tid, a) {
      if (kind === TraceEvent.Interrupt && tid === VICTIM) this.ip = a;
      if (kind === TraceEvent.Exit && this.firstToEnd === 0) this.firstToEnd = tid;
    },
  };
}

interface Interruption {
  readonly ip: number;
  /** The outcome, and what is there in the end. */
  readonly state: readonly number[];
}

/** The operation once for each point at which it can be interrupted, from the first to the last. */
async function sweep(module: WebAssembly.Module, numbers: readonly number[]) {
  const interruptions: Interruption[] = [];
  for (let quantum = 1; ; quantum++) {
    const observer = watch();
    const scheduler = new OneInterrupt(quantum);
    const done = await run(module, { numbers, scheduler, observers: [observer] });
    expect(done.result.failure).toBeUndefined();
    if (observer.firstToEnd === VICTIM) return { interruptions, map: done.map };
    interruptions.push({ ip: observer.ip, state: done.printed });
  }
}

/** Is a thread that loses its CPU there sent back? In ras not from start: it has done nothing yet. */
function isInside(map: CodeMap, ip: number, abi: AbiName): boolean {
  const section = sectionAt(map, ip);
  return section !== undefined && !(abi === 'ras' && ip === section.start);
}

/** event-counter looks back: what happens between its words and start restarts a section too. */
function phasesAt(isInterruptedInside: boolean, abi: AbiName): Phase[] {
  if (isInterruptedInside) return ['inside'];
  return abi === 'event-counter' ? ['before', 'inside', 'after'] : ['before', 'after'];
}

/** The phase that each interruption has led to; none where two phases lead to the same. */
async function phasesOf(abi: AbiName, operation: Operation, release: number, variant: Variant) {
  const module = await compileGuest('one-liners', { abi }, variant);
  const { interruptions, map } = await sweep(module, [operation.number, 0, release]);
  const phases = new Set<Phase>();
  for (const { ip, state } of interruptions) {
    const fitting = phasesAt(isInside(map, ip, abi), abi).filter(
      (phase) => operation[phase].join() === state.join(),
    );
    expect(fitting, `${state.join(' ')} at 0x${ip.toString(16)}`).not.toEqual([]);
    if (fitting.length === 1) phases.add(fitting[0] as Phase);
  }
  return [...phases];
}

function isAmbiguous({ before, after }: Operation): boolean {
  return before.join() === after.join();
}

function expectEveryPhase(phases: readonly Phase[], operation: Operation): void {
  expect(phases).toEqual(isAmbiguous(operation) ? ['inside'] : ['before', 'inside', 'after']);
}

describe.each(ABI_NAMES)('%s', (abi) => {
  test.each(OPERATIONS)('$name: committed, refused, or interrupted', async (operation) => {
    expectEveryPhase(await phasesOf(abi, operation, 0, 'plain'), operation);
  });

  test.each(OPERATIONS)('$name, release, finds again what it has compared', async (operation) => {
    expectEveryPhase(await phasesOf(abi, operation, 1, 'compare-twice'), operation);
  });

  test.each(OPERATIONS)('$name does nothing on another CPU', async ({ number, inside }) => {
    const module = await compileGuest('one-liners', { abi });

    const { printed } = await run(module, { numbers: [number, 1] });

    expect(printed).toEqual(inside);
  });
});

describe('without labels', () => {
  test.each(OPERATIONS)('$name goes wrong at some point', async (operation) => {
    const module = await compileGuest('one-liners', {}, 'twin');

    const { interruptions } = await sweep(module, [operation.number, 0]);

    const right = [operation.before.join(), operation.after.join()];
    expect(interruptions.some(({ state }) => !right.includes(state.join()))).toBe(true);
  });
});
