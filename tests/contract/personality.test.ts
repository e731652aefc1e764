// The contract of a personality, for every ABI there is, and the matrix in the documents.

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/code-map.js';
import { CODE_BASE } from '../../src/abi/module.js';
import { newRegisters } from '../../src/kernel/machine.js';
import { createPersonality } from '../../src/kernel/rseq/personalities.js';
import {
  formatMatrix,
  INTERRUPTIONS,
  noticedAt,
  Observation,
  preempt,
  scheduleOf,
} from './personality.case.js';

const DOCUMENT = 'docs/personalities.md';
const MATRIX = /(?<=<!-- matrix -->\n)[\s\S]*?(?=<!-- \/matrix -->)/;

const MIDDLE = CODE_BASE + 11;
const END = CODE_BASE + 14;

describe.each(ABI_NAMES)('%s', (abi) => {
  test('notices a preemption in the middle of a section', () => {
    expect(noticedAt(abi)).toContain(MIDDLE);
  });

  test('lets a section go on that was interrupted without losing its CPU', () => {
    expect(INTERRUPTIONS['slice over, CPU kept']?.(abi)).toBe('goes on');
  });

  test('notices a preemption once: the thread that is back at its restart label goes on', () => {
    const fuel = Observation.fuelTo(MIDDLE);
    const again = new Observation(abi, `0:1x${fuel} 0:2x1 0:1x1 0:2x1 0:1x1`);

    // One step after its restart a thread of ras is inside again: it restarts at start.
    const expected: Partial<Record<AbiName, number>> = { 'percpu-signal': 0, ras: 2 };
    expect(again.kernel.counts.restarts).toBe(expected[abi] ?? 1);
    expect(again.kernel.counts.signals).toBe(abi === 'percpu-signal' ? 1 : 0);
  });

  test('has the switch-out hook see registers and nothing else, and decide at once', () => {
    const personality = createPersonality([abi], { loadText: () => 0 });

    expect(personality.onSwitchOut.length).toBeLessThanOrEqual(1);
    expect(typeof personality.onSwitchOut(Object.freeze(newRegisters()))).toBe('boolean');
  });

  test('never moves an ip at end: the commit is done', () => {
    const { kernel, machine } = preempt(abi, END);

    expect(kernel.counts.restarts).toBe(0);
    if (abi !== 'percpu-signal') expect(machine.entries.at(-1)?.ip).toBe(END);
  });

  test('keeps no memory of a program that has been replaced by exec', () => {
    const observation = new Observation(abi, `0:1x${Observation.fuelTo(MIDDLE)}`);
    const { personality, kernel, leader } = observation;
    personality.onExec(kernel.process);
    leader.events = 1;

    expect(personality.onSwitchIn?.(leader) ?? 0).toBe(0);
    expect(personality.onResume(leader)).toBe('unchanged');
    expect(personality.onSignal(leader)).toBe('unchanged');
  });
});

describe.each(ABI_NAMES)('law R1: %s', (abi) => {
  test.each([1, 2, 3])('registering a section changes no schedule, seed %i', (seed) => {
    const registered = scheduleOf(abi, seed, false);
    const deaf = scheduleOf(abi, seed, true);

    if (abi === 'percpu-signal') expect(registered.signals).toBeGreaterThan(20);
    else expect(registered.restarts).toBeGreaterThan(20);
    expect([deaf.restarts, deaf.signals]).toEqual([0, 0]);
    expect(registered.schedule).toBe(deaf.schedule);
  });
});

describe('the matrix', () => {
  test(`of ${DOCUMENT} is what is observed; UPDATE_DOCS=1 writes it`, () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const observed = `${formatMatrix(ABI_NAMES)}\n`;
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, text.replace(MATRIX, observed));

    expect(MATRIX.exec(readFileSync(DOCUMENT, 'utf8'))?.[0]).toBe(observed);
  });
});
