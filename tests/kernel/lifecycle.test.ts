// fork and exec: what a process has of another, whatever its ABI.

import { describe, expect, test } from 'vitest';
import { SIG_IGN, Signal } from '../../src/abi/signal.js';
import { CpuSet } from '../../src/kernel/cpu-set.js';
import { inheritByFork, resetByExec } from '../../src/kernel/lifecycle.js';
import { Process } from '../../src/kernel/process.js';
import { TurnerPersonality } from '../../src/kernel/rseq/turner.js';
import { DEFAULT_ACTION } from '../../src/kernel/signal-frame.js';
import { Thread } from '../../src/kernel/thread.js';
import { ArrayMemory } from './array-memory.js';

const HANDLER = { handler: 7, flags: 0, mask: 0n };
const IGNORE = { handler: SIG_IGN, flags: 0, mask: 0n };

/** A thread, alone in a process that has a bit of everything. */
function newParent(): Thread {
  const process = new Process(1, new ArrayMemory(64));
  const thread = new Thread(1, process, 0, {}, CpuSet.firstCpus(3), 2);
  process.threads.set(1, thread);
  process.signalActions[Signal.SIGUSR1] = HANDLER;
  process.signalActions[Signal.SIGUSR2] = IGNORE;
  process.membarrierRegistrations = 256;
  process.percpuArea = { base: 0x100, stride: 64 };
  thread.signalMask = 6n;
  thread.pendingSignals = 2n;
  return thread;
}

describe('fork', () => {
  test('copies actions, mask, affinity, registrations and the per-CPU area, and no pending signal', () => {
    const parent = newParent();
    const process = new Process(2, new ArrayMemory(64));
    const child = new Thread(2, process, 0, {}, CpuSet.firstCpus(1), 1);

    inheritByFork(new TurnerPersonality(), parent, child);

    expect(process.signalActions).toEqual(parent.process.signalActions);
    expect(process.membarrierRegistrations).toBe(256);
    expect(child.registers.gs).toBe(0x140);
    expect(child.signalMask).toBe(6n);
    expect(child.pendingSignals).toBe(0n);
    expect(child.affinity.has(2)).toBe(true);
  });

  test('shares nothing: what the child changes is its own', () => {
    const parent = newParent();
    const process = new Process(2, new ArrayMemory(64));
    const child = new Thread(2, process, 0, {}, CpuSet.firstCpus(1), 1);
    inheritByFork(new TurnerPersonality(), parent, child);

    process.signalActions[Signal.SIGUSR1] = DEFAULT_ACTION;
    child.affinity.delete(2);

    expect(parent.process.signalActions[Signal.SIGUSR1]).toBe(HANDLER);
    expect(parent.affinity.has(2)).toBe(true);
  });

  test('asks the personality', () => {
    const parent = newParent();
    parent.process.region = { start: 0x1000, end: 0x1004, restart: 0x1008 };
    parent.cpuPointer = 8;
    const child = new Thread(2, new Process(2, new ArrayMemory(64)), 0, {}, new CpuSet(), 0);

    inheritByFork(new TurnerPersonality(), parent, child);

    expect([child.process.region, child.cpuPointer]).toEqual([parent.process.region, 0]);
  });
});

describe('exec', () => {
  test('drops handlers and registrations; what was ignored, masks and pending signals stay', () => {
    const thread = newParent();
    const { process } = thread;
    process.region = { start: 0x1000, end: 0x1004, restart: 0x1008 };
    thread.registers.gs = 0x180;

    resetByExec(new TurnerPersonality(), process);

    expect(process.signalActions[Signal.SIGUSR1]).toBe(DEFAULT_ACTION);
    expect(process.signalActions[Signal.SIGUSR2]).toBe(IGNORE);
    expect([process.membarrierRegistrations, process.percpuArea]).toEqual([0, undefined]);
    expect([process.region, thread.registers.gs]).toEqual([undefined, 0]);
    expect([thread.signalMask, thread.pendingSignals]).toEqual([6n, 2n]);
  });
});
