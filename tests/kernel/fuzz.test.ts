// Two million system calls with random arguments, under every personality: each ends in a result, in
// a wait or in the death of the process, never in an exception of the host and never without end.

import { describe, expect, test } from 'vitest';
import { Kernel, type Outcome, type StopReason } from '../../src/kernel/kernel.js';
import { ABI_NAMES, type AbiName, createPersonality } from '../../src/kernel/rseq/personalities.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import type { Counts } from '../../src/kernel/trace.js';
import { ArrayMemory } from './array-memory.js';
import { Dice, HOSTILE_MEMORY_BYTES, HostileMachine } from './hostile-machine.js';

const CALLS = 2_000_000;
const SEEDS = [1, 2, 3, 4];

const ABIS: readonly (readonly AbiName[])[] = [
  ...ABI_NAMES.map((name) => [name]),
  ...(['linux', 'linux-v2'] as const).flatMap((rseq) =>
    (['turner', 'google'] as const).map((region) => [rseq, region]),
  ),
];
const CALLS_EACH = Math.ceil(CALLS / (ABIS.length * SEEDS.length));

const FUEL_LIMIT = 40_000;
const TEXT = Uint8Array.from({ length: 300 }, (_, at) => at & 0xff);

interface Boot {
  readonly kernel: Kernel;
  readonly machine: HostileMachine;
}

function bootHostile(names: readonly AbiName[], seed: number): Boot {
  const dice = new Dice(seed);
  const memory = new ArrayMemory(HOSTILE_MEMORY_BYTES);
  const machine = new HostileMachine(dice, memory);
  const loadText = (address: number): number | undefined => machine.loadText(address);
  const kernel = new Kernel({
    machine,
    memory,
    scheduler: new RandomScheduler(1 + dice.below(20), seed),
    personality: createPersonality(names, { loadText, debug: dice.one(4), sliceExtension: 20 }),
    cpus: 1 + dice.below(4),
    fuelLimit: FUEL_LIMIT,
    threadLimit: 1 + dice.below(8),
    stdin: TEXT,
    boot: { threads: 2, args: [TEXT, new Uint8Array()] },
    programs: 1 + dice.below(2),
    entropySeed: seed,
  });
  return { kernel, machine };
}

/** To its end, which must come: a slice costs fuel, of which there is so much. */
function run(kernel: Kernel): StopReason {
  for (let slice = 0; slice <= FUEL_LIMIT; slice++) {
    const reason = kernel.step();
    if (reason !== undefined) return reason;
  }
  throw new Error('a slice cost no fuel');
}

/** How often things happened in all runs of a fuzz. */
interface Tally {
  calls: number;
  readonly ends: Record<Outcome['reason'], number>;
  readonly counts: Counts;
}

function add(tally: Tally, { kernel, machine }: Boot, reason: StopReason): void {
  tally.calls += machine.calls;
  tally.ends[reason]++;
  for (const name of Object.keys(tally.counts) as (keyof Counts)[]) {
    tally.counts[name] += kernel.counts[name];
  }
}

/** Boots one kernel after another until so many calls are made. */
function fuzz(names: readonly AbiName[], seed: number, calls: number): Tally {
  const tally: Tally = {
    calls: 0,
    ends: { exited: 0, killed: 0, deadlock: 0, 'fuel-limit': 0 },
    counts: { preemptions: 0, restarts: 0, migrations: 0, signals: 0, fuel: 0, systemFuel: 0 },
  };
  for (let index = 0; tally.calls < calls; index++) {
    const bootSeed = seed * 1_000_003 + index;
    const boot = bootHostile(names, bootSeed);
    try {
      add(tally, boot, run(boot.kernel));
    } catch (error) {
      const { calls: at, last } = boot.machine;
      const place = `bootHostile(${JSON.stringify(names)}, ${bootSeed}), call ${at}: ${last}`;
      throw new Error(`${place}: ${String(error)}`, { cause: error });
    }
  }
  return tally;
}

describe.each(SEEDS)('seed %i', (seed) => {
  test.each(ABIS.map((names) => [names.join('+'), names] as const))(
    `${CALLS_EACH} random system calls under %s hurt nobody but their process`,
    (name, names) => {
      const { calls, ends, counts } = fuzz(names, seed, CALLS_EACH);

      expect(calls).toBeGreaterThanOrEqual(CALLS_EACH);
      // They are not all turned away at the door: processes end in these ways, and all this happens.
      const seen = [ends.exited, ends.killed, ends.deadlock, counts.migrations, counts.signals];
      expect(Math.min(...seen)).toBeGreaterThan(0);
      if (name !== 'percpu-signal') expect(counts.restarts).toBeGreaterThan(0);
    },
  );
});
