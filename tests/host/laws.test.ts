// Laws R1 to R3 of the RFC on real Wasm, and determinism. R1 and R2 on scripted machines are in
// tests/kernel/laws.test.ts, with the kernels that break them.

import { describe, expect, test } from 'vitest';
import type { Observer } from '../../src/kernel/index.js';
import { TraceEvent } from '../../src/kernel/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

/** Threads that count for ever; `register` and `labels` are what differs. */
function endless(register: boolean, labels: boolean): string {
  const label = (text: string) => (labels ? text : '');
  return `import { rseq, spawn, join, nrCpus } from 'wasm-rseq/assembly';
let slots: usize = memory.data(4096, 64);
function worker(n: usize): i32 {
  while (true) {
    ${label('rseq.restart();')}
    ${label('rseq.start();')}
    const slot = slots + <usize>rseq.cpuId() * 64;
    store<i32>(slot, load<i32>(slot) + 1);
    ${label('rseq.end();')}
  }
  return 0;
}
export function main(): i32 {
  ${register ? 'assert(rseq.register() == 0);' : ''}
  for (let i = 0; i < 6; i++) spawn(worker, i);
  return join(2);
}`;
}

/** One thread that adds \`rounds\` times, so that a difference of two runs is the cost of the adds. */
function counted(rounds: number, labels: boolean, arm = ''): string {
  const label = (text: string) => (labels ? text : '');
  return `import { rseq } from 'wasm-rseq/assembly';
let slots: usize = memory.data(4096, 64);
export function main(): i32 {
  assert(rseq.register() == 0);
  const base = slots;
  for (let i = 0; i < ${rounds}; i++) {
    ${label('rseq.restart();')}
    ${label('rseq.start();')}
    ${arm}
    const slot = base + <usize>rseq.cpuId() * 64;
    store<i32>(slot, load<i32>(slot) + 1);
    ${label('rseq.end();')}
  }
  return load<i32>(slots) == ${rounds} ? 0 : 1;
}`;
}

/** Instructions of one turn of the loop, and the accesses to memory inside the section. */
async function costOfAdd(labels: boolean, arm = ''): Promise<{ fuel: number; accesses: string[] }> {
  const [few, many] = await Promise.all(
    [100, 1100].map(async (rounds) => {
      const host = await bootProgram(await compileSource(counted(rounds, labels, arm)), {
        quantum: 1e8,
      });
      return { fuel: host.run().fuel, listing: host.map.sections[0]?.listing ?? [] };
    }),
  );
  const accesses = (few?.listing ?? [])
    .map((line) => line.slice(9).split(' ')[0] ?? '')
    .filter((mnemonic) => /load|store|atomic|call|memory/.test(mnemonic));
  return { fuel: ((many?.fuel ?? 0) - (few?.fuel ?? 0)) / 1000, accesses };
}

class CountingObserver implements Observer {
  readonly counts = new Map<TraceEvent, number>();
  event(kind: TraceEvent): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
}

/** Events of a run that nothing interrupts. */
async function countEvents(rounds: number): Promise<CountingObserver['counts']> {
  const observer = new CountingObserver();
  const program = await compileSource(counted(rounds, true));
  (await bootProgram(program, { quantum: 1e8, observers: [observer] })).run();
  return observer.counts;
}

describe('R1', () => {
  test.each(['random', 'round-robin'] as const)(
    'the %s schedule is the same with and without sections registered',
    async (scheduler) => {
      const program = await compileSource(endless(true, true));
      const registered = await bootProgram(program, {
        cpus: 3,
        quantum: 41,
        fuelLimit: 300_000,
        scheduler,
      });
      const deaf = await bootProgram(program, {
        cpus: 3,
        quantum: 41,
        fuelLimit: 300_000,
        scheduler,
      });
      // The same program on a kernel that never redirects anything.
      Object.defineProperty(deaf.kernel.process, 'region', { get: () => undefined, set: () => {} });

      const [with_, without] = [registered.run(), deaf.run()];

      expect(with_.restarts).toBeGreaterThan(100);
      expect(without.restarts).toBe(0);
      const [a, b] = [with_, without].map(({ schedule }) => slices(schedule as string));
      expect(a).toEqual(b);
    },
  );
});

/** What was chosen, without how far a slice overshot: cpu and thread of the first slices. */
function slices(schedule: string): string {
  return schedule.slice(0, 2000);
}

describe('R3', () => {
  test('labels add no access to memory: at most four moves between locals', async () => {
    const section = await costOfAdd(true);
    const unprotected = await costOfAdd(false);

    expect(section.fuel - unprotected.fuel).toBeLessThanOrEqual(4);
    expect(section.accesses).toEqual(['i32.load', 'i32.load', 'i32.store']);
  });

  test('is broken by a section that has to be armed in memory, as later ABIs ask', async () => {
    const armed = await costOfAdd(true, 'store<usize>(slots, 4096, 2048);');
    const unprotected = await costOfAdd(false);

    expect(armed.fuel - unprotected.fuel).toBeGreaterThan(4);
    expect(armed.accesses).not.toEqual(['i32.load', 'i32.load', 'i32.store']);
  });

  test('an uninterrupted section makes no system call and is not interrupted', async () => {
    expect(await countEvents(1100)).toEqual(await countEvents(100));
    expect((await countEvents(1100)).get(TraceEvent.Interrupt)).toBeUndefined();
  });
});

describe('a run', () => {
  test('has the same trace hash every time, another with another seed', async () => {
    const program = await compileSource(endless(true, true));
    const hash = async (seed: number, quantum: number): Promise<string> => {
      const host = await bootProgram(program, { cpus: 4, seed, quantum, fuelLimit: 100_000 });
      return host.run().traceHash;
    };

    const first = await hash(1, 61);

    expect(await hash(1, 61)).toBe(first);
    expect(await hash(2, 61)).not.toBe(first);
    expect(await hash(1, 62)).not.toBe(first);
  });

  test('replays from its schedule with the same trace hash', async () => {
    const program = await compileSource(counted(500, true));
    const original = (await bootProgram(program, { cpus: 2, quantum: 13 })).run();

    const replayed = (
      await bootProgram(program, { cpus: 2, schedule: original.schedule as string })
    ).run();

    expect(replayed).toEqual(original);
  });
});
