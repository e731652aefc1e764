// The event stream and its hash.

import { describe, expect, test } from 'vitest';
import { Sysno } from '../../src/abi/syscall.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { TraceEvent, TraceHash } from '../../src/kernel/trace.js';
import { boot, choices, type Event, spawn, stepTimes } from './boot.js';
import { ipOf, jump, ret, type Scripts, syscall, work } from './scripted-machine.js';

const EVENT = { kind: TraceEvent.Run, time: 1, cpu: 2, tid: 3, a: 4, b: 5 };

function digestOf(...events: readonly Event[]): string {
  const hash = new TraceHash();
  for (const { kind, time, cpu, tid, a, b } of events) hash.event(kind, time, cpu, tid, a, b);
  return hash.digest();
}

describe('trace hash', () => {
  test('is 16 hexadecimal digits', () => {
    expect(digestOf()).toMatch(/^[0-9a-f]{16}$/);
    expect(digestOf(EVENT)).toMatch(/^[0-9a-f]{16}$/);
  });

  test('of the same events is the same', () => {
    expect(digestOf(EVENT, EVENT)).toBe(digestOf(EVENT, EVENT));
  });

  test.each(['kind', 'time', 'cpu', 'tid', 'a', 'b'] as const)('changes with %s', (field) => {
    expect(digestOf({ ...EVENT, [field]: EVENT[field] + 1 })).not.toBe(digestOf(EVENT));
  });

  test('sees time beyond 32 bits', () => {
    expect(digestOf({ ...EVENT, time: 1 + 2 ** 32 })).not.toBe(digestOf(EVENT));
  });

  test('changes with the order of events', () => {
    const other = { ...EVENT, a: 9 };

    expect(digestOf(EVENT, other)).not.toBe(digestOf(other, EVENT));
  });

  test('can be read at any time without changing what follows', () => {
    const hash = new TraceHash();
    hash.digest();
    hash.event(EVENT.kind, EVENT.time, EVENT.cpu, EVENT.tid, EVENT.a, EVENT.b);

    expect(hash.digest()).toBe(digestOf(EVENT));
  });

  test('knows sixteen thousand neighbouring events apart', () => {
    const digests = new Set<string>();
    for (let a = 0; a < 128; a++) {
      for (let b = 0; b < 128; b++) digests.add(digestOf({ ...EVENT, a, b }));
    }

    expect(digests.size).toBe(128 * 128);
  });
});

describe('trace', () => {
  const scripts: Scripts = {
    0: [spawn(1), syscall(Sysno.Join, 2), ret(7)],
    1: [...work(3), ret(5)],
  };

  test('tells a run from its first slice to its exit', () => {
    const { kernel, events } = boot(scripts, { scheduler: choices('0:1x9 0:2x2 0:2x9 0:1x9') });

    kernel.run();

    expect(events.map(({ kind, tid, a, b }) => [TraceEvent[kind], tid, a, b])).toEqual([
      ['Run', 1, 9, 0],
      ['Spawn', 1, 2, 0],
      ['Syscall', 1, Sysno.Clone, 2],
      ['SwitchOut', 1, 0, 0],
      ['Syscall', 1, Sysno.Join, 0],
      ['Run', 2, 2, 0],
      ['Interrupt', 2, ipOf(2, 1), 2],
      ['Run', 2, 9, 0],
      ['Exit', 2, 5, 0],
      ['SwitchOut', 2, 0, 0],
      ['Run', 1, 9, 0],
      ['Exit', 1, 7, 1],
    ]);
  });

  test('time is the fuel spent so far and never goes back', () => {
    const { kernel, events } = boot(scripts, { scheduler: new RandomScheduler(2, 1), cpus: 2 });

    kernel.run();

    const times = events.map((event) => event.time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.at(-1)).toBe(kernel.counts.fuel);
  });

  test('every observer gets the same events', () => {
    const hashes = [new TraceHash(), new TraceHash()];
    const { kernel, events } = boot(scripts, { observers: hashes });

    kernel.run();

    expect(hashes.map((hash) => hash.digest())).toEqual([digestOf(...events), digestOf(...events)]);
  });

  test('a yield in a later slice than an interrupt is a yield', () => {
    const main = [spawn(1), ...work(4), syscall(Sysno.SchedYield), jump(6)];
    const scheduler = choices('0:1x3 0:1x9 0:2x1');
    const { kernel, events } = boot({ 0: main, 1: [jump(0)] }, { scheduler });

    stepTimes(kernel, 3);

    expect(events.filter(({ kind }) => kind === TraceEvent.SwitchOut)).toMatchObject([{ a: 0 }]);
    expect(kernel.counts.preemptions).toBe(0);
  });

  test('a preemption is told from a yield', () => {
    const main = [spawn(1), syscall(Sysno.SchedYield), ...work(9)];
    const { kernel, events } = boot(
      { 0: main, 1: [jump(0)] },
      { scheduler: choices('0:1x9 0:2x1 0:1x3 0:2x1') },
    );

    stepTimes(kernel, 4);

    const leaves = events.filter(({ kind, tid }) => kind === TraceEvent.SwitchOut && tid === 1);
    expect(leaves.map((event) => event.a)).toEqual([0, 1]);
    expect(kernel.counts.preemptions).toBe(2);
  });
});
