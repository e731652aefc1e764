// Law R2 over every personality: what runs in the scheduler gets registers to read, no way to user
// memory, and changes nothing. percpu-signal breaks it by design, and is caught at it here.

import { describe, expect, test } from 'vitest';
import { RSEQ_SIG } from '../../../src/abi/linux-rseq.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { RseqOp } from '../../../src/abi/rseq.js';
import { RasOp } from '../../../src/abi/ras.js';
import type { Registers } from '../../../src/kernel/machine.js';
import { Kernel } from '../../../src/kernel/kernel.js';
import { PairPersonality } from '../../../src/kernel/rseq/pair.js';
import {
  ABI_NAMES,
  type AbiName,
  createPersonality,
} from '../../../src/kernel/rseq/personalities.js';
import type { Personality } from '../../../src/kernel/rseq/personality.js';
import { Schedule } from '../../../src/kernel/schedule.js';
import { RandomScheduler } from '../../../src/kernel/schedulers/random.js';
import { MEMORY_BYTES, spawn } from '../boot.js';
import {
  act,
  type Guest,
  ipOf,
  jump,
  ScriptedMachine,
  type Scripts,
  syscall,
  work,
} from '../scripted-machine.js';
import { FaultyMemory } from './hooks.js';
import { DESCRIPTOR, describeSection, setSection, storeU64, textOf } from './linux-scripts.js';

const NAMES: readonly (readonly AbiName[])[] = [
  ...ABI_NAMES.map((name) => [name]),
  ['linux', 'turner'],
  ['linux-v2', 'google'],
];

const AREAS = 0x500;
const START = ipOf(3, 1);
const END = ipOf(9, 1);
const GO_ON = ipOf(2, 1);

function personalityOf(names: readonly AbiName[]): Personality {
  const loadText = textOf({ [GO_ON - 4]: RSEQ_SIG });
  return createPersonality(names, { loadText });
}

function areaOf({ argument }: Guest): number {
  return AREAS + 64 * argument;
}

/**
 * Threads that run sections of any ABI for ever. The same calls are made where nothing is to be
 * registered, so that the same instructions run, but fail.
 */
function scripts(names: readonly AbiName[], isRegistered: boolean): Scripts {
  const hasRegion = names.some((name) => name === 'turner' || name === 'google');
  const orFail = (op: number): number => (isRegistered ? op : 9);
  const pointer = [orFail(RseqOp.SetCpuPointer), 0];
  return {
    0: [
      syscall(Sysno.RestartableSequences, orFail(RseqOp.SetCritical), 0, START, END, GO_ON),
      syscall(Sysno.RestartableSequences, ...pointer, 0x100),
      syscall(Sysno.Rasctl, START, END - START, orFail(RasOp.Install)),
      spawn(1, 1),
      spawn(1, 2),
      spawn(1, 3),
      ...work(4),
      jump(6),
    ],
    1: [
      syscall(Sysno.Rseq, areaOf, 32, isRegistered ? 0 : 0x80, RSEQ_SIG),
      hasRegion
        ? syscall(Sysno.RestartableSequences, ...pointer, areaOf)
        : syscall(Sysno.RestartableSequences, areaOf, isRegistered ? 0 : 1),
      act((guest) => isRegistered && enterSection(names[0], guest, areaOf(guest))),
      ...work(9),
      jump(2),
    ],
  };
}

/** What the thread itself does at the start of its section. */
function enterSection(name: AbiName | undefined, { memory, registers }: Guest, area: number): void {
  if (name === 'linux' || name === 'linux-v2') setSection(memory, DESCRIPTOR, area);
  if (name === 'percpu-signal') memory.storeI32(area, 1);
  if (name !== 'event-counter') return;
  Object.assign(registers, { cx: GO_ON, dx: memory.loadI32(area + 4) ?? 0 });
  storeU64(memory, area + 8, END);
}

interface Watched {
  readonly trespasses: number;
  readonly switches: number;
  readonly schedule: string;
  readonly restarts: number;
}

/** Accesses to user memory by what runs when a thread loses its CPU, or gets one. */
function watch(names: readonly AbiName[], seed: number, isRegistered = true): Watched {
  const memory = new FaultyMemory(MEMORY_BYTES);
  describeSection(memory, { start: START, length: END - START, abort: GO_ON });
  const machine = new ScriptedMachine(scripts(names, isRegistered), memory);
  const personality = personalityOf(names);
  let [trespasses, switches] = [0, 0];
  const counted = <A extends unknown[], R>(hook: (...args: A) => R) => {
    return (...args: A): R => {
      switches++;
      const before = memory.accesses;
      const result = hook(...args);
      trespasses += memory.accesses - before;
      return result;
    };
  };
  personality.onSwitchOut = counted(personality.onSwitchOut.bind(personality));
  if (personality.onSwitchIn !== undefined) {
    personality.onSwitchIn = counted(personality.onSwitchIn.bind(personality));
  }
  const kernel = new Kernel({
    machine,
    memory,
    scheduler: new RandomScheduler(5, seed),
    personality,
    cpus: 3,
    fuelLimit: 2000,
    threadLimit: 8,
  });
  const { schedule, counts } = kernel.run();
  return { trespasses, switches, schedule: String(schedule), restarts: counts.restarts };
}

const REGISTERS: Registers = { ip: START + 1, r10: 1, cx: 2, dx: 3, ax: 4, tp: 5, gs: 6 };

describe.each(NAMES.map((names) => [names.join('+'), names] as const))('%s', (_name, names) => {
  test('R2: the switch-out hook works on frozen registers', () => {
    const registers = Object.freeze({ ...REGISTERS });

    expect(() => personalityOf(names).onSwitchOut(registers)).not.toThrow();
    expect(registers).toEqual(REGISTERS);
  });

  test('R2: the switch-out hook answers the same whatever it is shown', () => {
    const personality = personalityOf(names);
    const answers = [0, START, END, 0xffffffff].map((ip) =>
      personality.onSwitchOut({ ...REGISTERS, ip }),
    );

    expect(new Set(answers).size).toBe(1);
  });

  test.each([1, 2, 3])(
    'R1: seed %i: the schedule is the same with and without sections',
    (seed) => {
      const [registered, plain] = [true, false].map((isRegistered) =>
        watch(names, seed, isRegistered),
      );

      const [slices, others] = [registered, plain].map((run) =>
        Schedule.parse(run?.schedule ?? ''),
      );
      expect(slices).toEqual(others);
    },
  );
});

const LAWFUL = NAMES.filter((names) => !names.includes('percpu-signal'));

describe.each(LAWFUL.map((names) => [names.join('+'), names] as const))('%s', (_name, names) => {
  test.each([1, 2, 3])('R2: seed %i: nothing in the scheduler touches user memory', (seed) => {
    const { trespasses, switches, restarts } = watch(names, seed);

    expect(trespasses).toBe(0);
    expect(switches).toBeGreaterThan(20);
    expect(restarts).toBeGreaterThan(0);
  });

  test('R2: there is no hook for a thread that gets a cpu', () => {
    expect(personalityOf(names).onSwitchIn).toBeUndefined();
  });
});

describe('percpu-signal', () => {
  test.each([1, 2, 3])('R2 is broken, by design: seed %i: the scheduler writes memory', (seed) => {
    expect(watch(['percpu-signal'], seed).trespasses).toBeGreaterThan(0);
  });

  test('R2 is broken, by design: memory changes between the switch and user code', () => {
    const personality = personalityOf(['percpu-signal']);
    const memory = new FaultyMemory(MEMORY_BYTES);
    const seen: (number | undefined)[] = [];
    const main = [
      syscall(Sysno.RestartableSequences, 0x40, 0),
      act(({ memory: user }) => [user.storeI32(0x40, 1), user.storeI32(0x48, Signal.SIGUSR1)]),
      spawn(1),
      ...work(20),
    ];
    const machine = new ScriptedMachine({ 0: main, 1: [jump(0)] }, memory);
    const kernel = new Kernel({
      machine,
      memory,
      scheduler: new RandomScheduler(3, 1),
      personality,
      cpus: 1,
      fuelLimit: 1000,
      threadLimit: 4,
    });
    const onSwitchIn = personality.onSwitchIn?.bind(personality);
    personality.onSwitchIn = (thread) => {
      const signo = onSwitchIn?.(thread) ?? 0;
      // No user code has run since the thread lost its CPU.
      if (signo !== 0) seen.push(memory.loadI32(0x44), machine.entries.length);
      return signo;
    };

    kernel.run();

    expect(seen[0]).toBe(1);
    expect(seen[1]).toBeGreaterThan(1);
  });
});

test('a pair asks both, and each once', () => {
  let calls = 0;
  const counting = (name: AbiName): Personality => {
    const personality = personalityOf([name]);
    personality.onSwitchOut = () => {
      calls++;
      return false;
    };
    return personality;
  };
  const pair = new PairPersonality(counting('linux'), counting('turner'));

  expect(pair.onSwitchOut(Object.freeze({ ...REGISTERS }))).toBe(false);
  expect(calls).toBe(2);
});
