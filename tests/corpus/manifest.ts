// The corpus: pairs of small programs, one right and one wrong, that differ by one classic mistake. The
// checker must find nothing in right.ts, and in wrong.ts a schedule that fails as said here.

import type { AbiName } from '../../src/abi/code-map.js';

export interface CorpusEntry {
  /** The folder of right.ts and wrong.ts. */
  readonly name: string;
  /** The mistake. */
  readonly title: string;
  readonly cpus: number;
  /** What both are compiled for; 'turner' unless given. */
  readonly abi?: AbiName;
  /** Signals that a thread may get, at most; none unless given. */
  readonly signals?: number;
  /** Most preemptions of a run; unbounded unless given. */
  readonly preemptions?: number;
  /** wrong.ts only: its labels are lowered after the optimiser, and locals are not given back. */
  readonly lowering?: 'late';
  readonly wrong: {
    /** Part of the message of the failure: what an assert says, or 'deadlock'. */
    readonly failure: string;
  };
}

export const CORPUS: readonly CorpusEntry[] = [
  {
    name: 'labels-stripped',
    title: 'the labels are gone',
    cpus: 2,
    wrong: { failure: 'an increment was lost' },
  },
  {
    name: 'restart-after-commit',
    title: 'end() stands behind more than the commit',
    cpus: 1,
    wrong: { failure: 'an increment happened twice' },
  },
  {
    name: 'commit-too-early',
    title: 'the flag is stored before what it publishes',
    cpus: 1,
    abi: 'ras',
    wrong: { failure: 'published before it was written' },
  },
  {
    name: 'two-commits',
    title: 'two stores that must both be or none',
    cpus: 1,
    abi: 'event-counter',
    wrong: { failure: 'half a move was done' },
  },
  {
    name: 'aba-list-pop',
    title: 'head and next are loaded outside, and only the head is compared',
    cpus: 1,
    wrong: { failure: 'a node is in two places' },
  },
  {
    name: 'cpu-read-too-early',
    title: 'the CPU is read before restart()',
    cpus: 2,
    wrong: { failure: 'an increment was lost' },
  },
  {
    name: 'index-then-store',
    title: 'moved between the index of a CPU and the store to its slot',
    cpus: 2,
    wrong: { failure: 'a value was written over' },
  },
  {
    name: 'reserve-then-migrate',
    title: 'reserved on one CPU, stored on another',
    cpus: 2,
    abi: 'google',
    wrong: { failure: 'a reserved place is empty' },
  },
  {
    name: 'signal-handler',
    title: 'a handler touches the same data, no section',
    cpus: 1,
    signals: 1,
    wrong: { failure: 'an increment was lost' },
  },
  {
    name: 'handler-without-section',
    title: 'a section is interrupted by a handler that has none',
    cpus: 1,
    abi: 'percpu-signal',
    signals: 1,
    // Its sections have numbers that never come again, so there is no end of states.
    preemptions: 3,
    wrong: { failure: 'an increment was lost' },
  },
  {
    name: 'unlock-from-another-cpu',
    title: 'the lock of the CPU it is on by then is given back',
    cpus: 2,
    wrong: { failure: 'a lock is still taken' },
  },
  {
    name: 'wake-before-store',
    title: 'lost wake-up: wakes, then stores',
    cpus: 1,
    wrong: { failure: 'deadlock' },
  },
  {
    name: 'sleep-without-compare',
    title: 'lost wake-up: what the sleep compares is read too late',
    cpus: 1,
    wrong: { failure: 'deadlock' },
  },
  {
    name: 'rcu-freed-under-a-reader',
    title: 'the writer does not wait for readers',
    cpus: 2,
    wrong: { failure: 'a reader saw freed memory' },
  },
  {
    name: 'rcu-sum-order',
    title: 'the writer reads locks before unlocks',
    cpus: 1,
    wrong: { failure: 'a reader saw freed memory' },
  },
  {
    name: 'ring-overtaken',
    title: 'the producer does not look whether the ring is full',
    cpus: 1,
    wrong: { failure: 'a value was written over' },
  },
  {
    name: 'stale-result',
    title: 'the result of an aborted try is returned',
    cpus: 1,
    abi: 'event-counter',
    wrong: { failure: 'a value was taken twice' },
  },
  {
    name: 'slab-handed-out-twice',
    title: 'the count is stored before the slot is read',
    cpus: 1,
    abi: 'linux',
    wrong: { failure: 'an object was handed out twice' },
  },
  {
    name: 'stale-base-after-resize',
    title: 'the base is loaded before restart()',
    cpus: 2,
    abi: 'linux',
    wrong: { failure: 'counted in the old array' },
  },
  {
    name: 'fence-missing',
    title: 'an array is replaced, and nobody is sent back',
    cpus: 2,
    abi: 'linux-v2',
    wrong: { failure: 'counted in the old array' },
  },
  {
    name: 'handler-forgets-r10',
    title: 'what an interrupted try has reserved is not given back',
    cpus: 1,
    abi: 'google',
    wrong: { failure: 'a token is lost' },
  },
  {
    name: 'late-lowering',
    title: 'labels are lowered after the optimiser',
    cpus: 2,
    lowering: 'late',
    wrong: { failure: 'an increment went astray' },
  },
  {
    name: 'refcount-dropped-twice',
    title: 'the count is looked at again after it was dropped',
    cpus: 1,
    abi: 'ras',
    wrong: { failure: 'freed twice' },
  },
  {
    name: 'test-then-set',
    title: 'a spin lock that looks, then stores',
    cpus: 1,
    abi: 'event-counter',
    wrong: { failure: 'an increment was lost' },
  },
  {
    name: 'double-unlock',
    title: 'a lock is given back twice',
    cpus: 1,
    wrong: { failure: 'the lock was taken away' },
  },
  {
    name: 'sum-while-counting',
    title: 'a sum is read while threads count, and taken to be exact',
    cpus: 2,
    wrong: { failure: 'the sum is not exact' },
  },
  {
    name: 'barrier-off-by-one',
    title: 'a barrier opens for one thread less',
    cpus: 1,
    wrong: { failure: 'a result is missing' },
  },
  {
    name: 'lock-order',
    title: 'two locks in opposite order',
    cpus: 1,
    wrong: { failure: 'deadlock' },
  },
  {
    name: 'one-word-check',
    title: 'a compare of two words compares one',
    cpus: 1,
    abi: 'linux',
    wrong: { failure: 'an item was taken twice' },
  },
];
