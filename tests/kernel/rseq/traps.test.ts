// The traps that wait for whoever builds such an ABI, each a law with the number it has in the
// collection of traps that this kernel was built from.

import { describe, expect, test } from 'vitest';
import { RSEQ_RSEQ_CS } from '../../../src/abi/linux-rseq.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { GooglePersonality, TurnerPersonality } from '../../../src/kernel/rseq/turner.js';
import { PairPersonality } from '../../../src/kernel/rseq/pair.js';
import { boot, choices, spawn, stepTimes, threadOf } from '../boot.js';
import { act, ipOf, jump, syscall, work } from '../scripted-machine.js';
import * as turner from '../turner-scripts.js';
import {
  ABORT,
  afterPreemptionAt,
  AREA,
  areaWords,
  type DescriptorFields,
  DESCRIPTOR,
  END,
  fencedBy,
  idsOf,
  lastEntry,
  linux,
  type LinuxName,
  MASK,
  overwritten,
  participant,
  rseq,
  runLinux,
  setSection,
  SIGNALLED,
  START,
  STORE_SECTION,
} from './linux-scripts.js';

const BOTH: readonly LinuxName[] = ['linux', 'linux-v2'];
const BROKEN: Partial<DescriptorFields> = { abort: ABORT + 1 };

describe('1: descriptors are checked at the abort, not before', () => {
  test.each(BOTH)('%s runs a section without a signature to its end', (name) => {
    const { kernel, memory } = runLinux(name, '0:1x20', { section: BROKEN });

    expect(kernel.process.death).toBeUndefined();
    expect(areaWords(memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test.each(BOTH)('%s kills a thread that is interrupted in one', (name) => {
    const { kernel } = runLinux(name, '0:1x11 0:2x1 0:1x1', { section: BROKEN });

    expect(kernel.process.death?.message).toContain('signature');
  });

  test('outside the section 6.18 kills, 7.0 does not', () => {
    const deaths = BOTH.map(
      (name) => runLinux(name, '0:1x16 0:2x1 0:1x1', { section: BROKEN }).kernel.process.death,
    );

    expect(deaths).toEqual([expect.objectContaining({ signal: 11 }), undefined]);
  });
});

describe('2: rseq_cs is cleared lazily', () => {
  test.each(BOTH)('%s leaves it set behind the section', (name) => {
    expect(areaWords(runLinux(name, '0:1x20 0:1x5').memory).section).toBe(BigInt(DESCRIPTOR));
  });

  test.each(BOTH)('a pointer that is stale and gone kills the process with %s', (name) => {
    const setup = overwritten(AREA + RSEQ_RSEQ_CS, 0x7fff0000);
    const { kernel } = runLinux(name, '0:1x20 | 0:2x1 0:1x1', setup);

    expect(kernel.process.death?.message).toContain('descriptor 0x7fff0000 cannot be read');
  });

  test.each(BOTH)('%s aborts no second section for a descriptor stored once', (name) => {
    // Back to the start of the section, without naming it again.
    const main = [...participant().slice(0, 20), jump(10), ...work(9)];
    const booted = runLinux(name, '0:1x11 0:2x1 0:1x3 0:2x1 0:1x1', { main });

    expect(booted.kernel.counts.restarts).toBe(1);
    expect(lastEntry(booted)).toMatchObject({ ip: START + 2 });
  });
});

describe('3: start aborts, end does not', () => {
  test.each(BOTH)('%s', (name) => {
    expect(afterPreemptionAt(name, START)).toMatchObject({ ip: ABORT });
    expect(afterPreemptionAt(name, END - 1)).toMatchObject({ ip: ABORT });
    expect(afterPreemptionAt(name, END)).toMatchObject({ ip: END });
  });

  test.each(BOTH)('%s: a commit is done once, though it is followed by a switch', (name) => {
    const commit = act(({ memory }) => memory.storeI32(0x300, (memory.loadI32(0x300) ?? 0) + 1));
    const main = [...participant().slice(0, 13), commit, ...work(6), jump(9), ...work(3)];

    const { memory, kernel } = runLinux(name, '0:1x14 0:2x1 0:1x1', { main });

    expect(memory.loadI32(0x300)).toBe(1);
    expect(kernel.counts.restarts).toBe(0);
  });
});

describe('4: what an aborted run has stored stays', () => {
  test.each(BOTH)('%s', (name) => {
    const store = act(({ memory }) => memory.storeI32(0x300, 7));
    const main = [...participant().slice(0, 11), store, ...work(30)];

    expect(runLinux(name, '0:1x12 0:2x1 0:1x1', { main }).memory.loadI32(0x300)).toBe(7);
  });
});

describe('5: the signal frame holds the abort address', () => {
  test.each(BOTH)('%s: and no register the old one', (name) => {
    const { kernel } = runLinux(name, '0:1x11 1:2x1 0:1x1', SIGNALLED);

    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({ ip: ABORT, r10: 0 });
  });

  test('turner: and r10 the old ip', () => {
    const { kernel } = turner.signalAt(turner.START + 1);

    expect(threadOf(kernel, 1).frames[0]?.registers).toMatchObject({
      ip: turner.RESTART,
      r10: turner.START + 1,
    });
  });
});

describe('6: whom a fence hits', () => {
  test.each(BOTH)('%s: not its caller', (name) => {
    const slices = '0:1x11 1:2x1 | 0:1x1';

    expect(lastEntry(runLinux(name, slices, fencedBy(1)))).toMatchObject({ ip: START + 1 });
    expect(lastEntry(runLinux(name, slices, fencedBy(2)))).toMatchObject({ ip: ABORT });
  });

  test.each(BOTH)('%s: nobody, while there is one thread', (name) => {
    const main = [syscall(...rseq()), ...work(8), STORE_SECTION, ...work(20)];

    expect(lastEntry(runLinux(name, '0:1x11 | 0:1x1', { main, ...fencedBy(1) }))).toMatchObject({
      ip: START + 1,
    });
  });
});

describe('7: the cpu is right as a call returns', () => {
  test.each(BOTH)('%s: from registration, and from sched_setaffinity', (name) => {
    const seen: (number | undefined)[][] = [];
    const look = act(({ memory }) => seen.push(idsOf(memory).slice(0, 2)));
    const main = [
      syscall(...rseq()),
      look,
      act(({ memory }) => memory.storeI32(MASK, 0b01)),
      syscall(Sysno.SchedSetaffinity, 0, 4, MASK),
      look,
      ...work(3),
    ];

    runLinux(name, '1:1x9 0:1x1', { main });

    expect(seen).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  test('turner', () => {
    const seen: (number | undefined)[] = [];
    const main = [
      syscall(...turner.pointer(turner.WORD)),
      act(({ memory }) => seen.push(memory.loadI32(turner.WORD))),
    ];
    const { kernel } = boot({ 0: main }, { cpus: 2, scheduler: choices('1:1x2') });

    stepTimes(kernel, 1);

    expect(seen).toEqual([1]);
  });
});

describe('8: preemption and signal at one resume abort once', () => {
  test.each(BOTH)('%s', (name) => {
    const { kernel } = runLinux(name, '0:1x11 0:2x1 0:1x1', SIGNALLED);

    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1 });
    expect(threadOf(kernel, 1).frames[0]?.registers.ip).toBe(ABORT);
  });

  test('turner', () => {
    const { kernel } = turner.bootWithHandler(work(4), '0:1x11 0:2x1 0:1x1');

    expect(kernel.counts).toMatchObject({ restarts: 1, signals: 1 });
  });
});

describe('9: two ABIs in one process, the new one first', () => {
  test.each([
    ['turner', new TurnerPersonality()],
    ['google', new GooglePersonality()],
  ])('with %s the region is asked about the abort label', (_name, region) => {
    const restart = ipOf(30);
    const main = [
      syscall(...turner.critical(ABORT, ABORT + 1, restart)),
      syscall(...turner.pointer(0x180)),
      spawn(1),
      syscall(...rseq()),
      ...work(5),
      act(({ memory }) => setSection(memory)),
      ...work(25),
    ];
    const personality = new PairPersonality(linux('linux'), region);

    const booted = runLinux('linux', '0:1x12 0:2x1 0:1x1', { main, personality });

    expect(lastEntry(booted)).toMatchObject({ ip: restart, r10: ABORT });
    expect(areaWords(booted.memory, AREA).section).toBe(0n);
  });
});
