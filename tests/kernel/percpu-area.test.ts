// arch_prctl ARCH_SET_PERCPU, and the law of the register gs: whenever user code runs, it is base +
// cpu x stride.

import { describe, expect, test } from 'vitest';
import { Signal } from '../../src/abi/signal.js';
import { ARCH_SET_PERCPU, Sysno } from '../../src/abi/syscall.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import type { Context, Exit, Registers } from '../../src/kernel/machine.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { ArrayMemory } from './array-memory.js';
import { boot, choices, MEMORY_BYTES, resultsOf, spawn, stepTimes, threadOf } from './boot.js';
import {
  act,
  type Guest,
  jump,
  ScriptedMachine,
  type Script,
  type Scripts,
  type Step,
  syscall,
  work,
} from './scripted-machine.js';

const BASE = 0x2000;
const STRIDE = 0x100;
const HOG: Script = [jump(0)];

const setArea = (base: number, stride: number): Step =>
  syscall(Sysno.ArchPrctl, ARCH_SET_PERCPU, base, stride);

describe('ARCH_SET_PERCPU', () => {
  test.each([
    ['an area', BASE, STRIDE],
    ['none', 0, 0],
    ['addresses of the top half', -BASE, 0x40000000],
  ])('takes %s', (_what, base, stride) => {
    expect(resultsOf([[Sysno.ArchPrctl, ARCH_SET_PERCPU, base, stride]]).results).toEqual([0]);
  });

  test('sets gs of the caller before its next instruction', () => {
    const seen: number[] = [];
    const main = [
      act(({ registers }) => seen.push(registers.gs)),
      setArea(BASE, STRIDE),
      act(({ registers }) => seen.push(registers.gs)),
    ];
    const { kernel } = boot({ 0: main }, { cpus: 3, scheduler: choices('2:1x3') });

    kernel.step();

    expect(seen).toEqual([0, BASE + 2 * STRIDE]);
  });

  test('sets gs of every thread, wherever it is and whatever it does', () => {
    const waiter = [syscall(Sysno.Futex, 0x40, 0, 0, 0)];
    const main = [spawn(1), spawn(2), spawn(1), ...work(1), setArea(BASE, STRIDE), ...work(1)];
    const scheduler = choices('0:1x4 1:2x1 2:3x1 0:1x2');
    const { kernel } = boot({ 0: main, 1: HOG, 2: waiter }, { cpus: 4, scheduler });

    stepTimes(kernel, 4);

    expect(threadOf(kernel, 3).state).toBe('blocked');
    const registers = [1, 2, 3, 4].map((tid) => threadOf(kernel, tid).registers.gs);
    expect(registers).toEqual([0, 1, 2, 3].map((cpu) => BASE + cpu * STRIDE));
  });

  test('can be given up', () => {
    const main = [setArea(BASE, STRIDE), setArea(0, 0), ...work(1)];
    const { kernel } = boot({ 0: main }, { cpus: 2, scheduler: choices('1:1x3') });

    kernel.step();

    expect(threadOf(kernel, 1).registers.gs).toBe(0);
    expect(kernel.process.percpuArea).toBeUndefined();
  });

  test('with a base alone is the same on every cpu, with a stride alone begins at 0', () => {
    const seen: number[] = [];
    const note = act(({ registers }) => seen.push(registers.gs));
    const main = [setArea(BASE, 0), note, setArea(0, STRIDE), note];
    const { kernel } = boot({ 0: main }, { cpus: 4, scheduler: choices('3:1x4') });

    kernel.step();

    expect(seen).toEqual([BASE, 3 * STRIDE]);
  });

  test('wraps as addresses do', () => {
    const seen: number[] = [];
    const main = [setArea(-16, 32), act(({ registers }) => seen.push(registers.gs))];
    const { kernel } = boot({ 0: main }, { cpus: 2, scheduler: choices('1:1x2') });

    kernel.step();

    expect(seen).toEqual([16]);
  });
});

/** Compares gs with the law each time user code is entered. */
class WatchedMachine extends ScriptedMachine {
  kernel: Kernel | undefined;
  checked = 0;
  readonly wrong: string[] = [];

  override run(context: Context, registers: Registers, resumeValue: number, fuel: number): Exit {
    const process = this.kernel?.process;
    for (const thread of process?.threads.values() ?? []) {
      if (thread.registers !== registers) continue;
      const { base, stride } = process?.percpuArea ?? { base: 0, stride: 0 };
      const expected = (base + thread.cpu * stride) | 0;
      this.checked++;
      if (registers.gs !== expected) this.wrong.push(`${registers.gs} on cpu ${thread.cpu}`);
      if (this.kernel?.cpus[thread.cpu]?.current !== thread) this.wrong.push('a thread has no cpu');
    }
    return super.run(context, registers, resumeValue, fuel);
  }
}

const WORKERS = 5;
const CPUS = 4;
const MASK = 0x40;
const ACTION = 0x80;
const HANDLER = 9;

const pick =
  (limit: number) =>
  ({ locals, argument }: Guest): number =>
    ((locals[0] ?? 0) * 7 + argument) % limit;

/** Threads that are moved, plugged out, signalled, born and put to new areas. */
const BUSY: Scripts = {
  0: [
    act(({ memory }) => memory.storeI32(ACTION, HANDLER)),
    syscall(Sysno.RtSigaction, Signal.SIGUSR1, ACTION, 0, 8),
    ...Array.from({ length: WORKERS }, (_, index) => spawn(1, index)),
    syscall(Sysno.Exit),
  ],
  1: [
    syscall(
      Sysno.ArchPrctl,
      ARCH_SET_PERCPU,
      (guest) => BASE * pick(3)(guest),
      (guest) => STRIDE * pick(2)(guest),
    ),
    ...work(3),
    act((guest) => guest.memory.storeI32(MASK, 1 << pick(CPUS)(guest))),
    syscall(Sysno.SchedSetaffinity, pick(WORKERS + 1), 4, MASK),
    syscall(Sysno.SetCpuOnline, pick(CPUS), (guest) => (pick(3)(guest) === 0 ? 0 : 1)),
    ...work(2),
    syscall(Sysno.Tgkill, 1, pick(WORKERS + 2), Signal.SIGUSR1),
    syscall(Sysno.Clone, 0x10f00, 2),
    syscall(Sysno.SchedYield),
    act((guest) => (guest.locals[0] = (guest.locals[0] ?? 0) + 1)),
    jump(0, (guest) => (guest.locals[0] as number) < 30),
  ],
  2: work(4),
  [HANDLER]: [syscall(Sysno.SchedYield), ...work(2)],
};

describe('gs', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('is base + cpu x stride, seed %i', (seed) => {
    const memory = new ArrayMemory(MEMORY_BYTES);
    const machine = new WatchedMachine(BUSY, memory);
    const scheduler = new RandomScheduler(4, seed);
    const options = { machine, memory, scheduler, cpus: CPUS, fuelLimit: 1_000_000 };
    const { kernel } = boot(BUSY, options);
    machine.kernel = kernel;

    expect(kernel.run().reason).toBe('exited');
    expect(machine.wrong).toEqual([]);
    expect(machine.checked).toBeGreaterThan(500);
    expect(kernel.counts.migrations).toBeGreaterThan(50);
  });
});
