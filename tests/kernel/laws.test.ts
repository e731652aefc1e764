// The RFC's first two rules. Each is a function that says what a kernel does wrong, run over the real
// personality, where it finds nothing, and over sabotaged ones, where it must bite.

import { describe, expect, expectTypeOf, test } from 'vitest';
import { RseqOp } from '../../src/abi/rseq.js';
import { Signal } from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { CpuSet } from '../../src/kernel/cpu-set.js';
import { Kernel, type KernelOptions } from '../../src/kernel/kernel.js';
import type { Context, Exit, Machine, Registers } from '../../src/kernel/machine.js';
import type { Memory } from '../../src/kernel/memory.js';
import type { Personality, ResumeOutcome } from '../../src/kernel/rseq/personality.js';
import { TurnerPersonality } from '../../src/kernel/rseq/turner.js';
import { Schedule } from '../../src/kernel/schedule.js';
import type { Choice, Scheduler, SchedulerView } from '../../src/kernel/scheduler.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { RoundRobinScheduler } from '../../src/kernel/schedulers/round-robin.js';
import { contains } from '../../src/kernel/section.js';
import type { Thread } from '../../src/kernel/thread.js';
import { TraceEvent, TraceHash } from '../../src/kernel/trace.js';
import { ArrayMemory } from './array-memory.js';
import { boot, eventsOf, MEMORY_BYTES, spawn } from './boot.js';
import {
  act,
  ipOf,
  jump,
  ret,
  ScriptedMachine,
  type Scripts,
  syscall,
  work,
} from './scripted-machine.js';

const CPUS = 3;
const WORKERS = 5;
const WORDS = 0x200;
const REGION = { start: ipOf(3, 1), end: ipOf(9, 1), restart: ipOf(2, 1) };

// --- R1: do not interfere with regular scheduling -------------------------------------------------

/** Threads that run sections for ever; `isRegistered` decides whether the kernel knows of them. */
function endlessSections(isRegistered: boolean): Scripts {
  // The same system calls in both cases, so that the same instructions run.
  const [critical, pointer] = isRegistered ? [RseqOp.SetCritical, RseqOp.SetCpuPointer] : [9, 9];
  const { start, end, restart } = REGION;
  return {
    0: [
      syscall(Sysno.RestartableSequences, critical, 0, start, end, restart),
      syscall(Sysno.RestartableSequences, pointer, 0, WORDS),
      ...Array.from({ length: WORKERS }, (_, index) => spawn(1, WORDS + 64 * (index + 1))),
      ...work(6),
      jump(WORKERS + 2),
    ],
    1: [
      syscall(Sysno.RestartableSequences, pointer, 0, (guest) => guest.argument),
      ...work(12),
      jump(1),
    ],
  };
}

interface Policy {
  readonly newScheduler: () => Scheduler;
  readonly newPersonality: () => Personality;
}

/** Slices in which the schedules with and without sections differ. */
function interference({ newScheduler, newPersonality }: Policy): {
  differing: number;
  restarts: number;
} {
  const [registered, plain] = [true, false].map((isRegistered) =>
    boot(endlessSections(isRegistered), {
      scheduler: newScheduler(),
      personality: newPersonality(),
      cpus: CPUS,
      fuelLimit: 6000,
    }).kernel.run(),
  );
  const slices = Schedule.parse(String(registered?.schedule));
  const others = Schedule.parse(String(plain?.schedule));
  const differing = Array.from(
    { length: Math.max(slices.length, others.length) },
    (_, at) => at,
  ).filter((at) => JSON.stringify(slices[at]) !== JSON.stringify(others[at])).length;
  return { differing, restarts: registered?.counts.restarts ?? 0 };
}

const turner = (): Personality => new TurnerPersonality();

/** Looks where the thread is, and lengthens the slice of one that is in a section. */
class PeekingScheduler implements Scheduler {
  readonly name = 'peeking';
  readonly #inner = new RoundRobinScheduler(7);

  pick(view: SchedulerView, choice: Choice): void {
    this.#inner.pick(view, choice);
    const thread = view.runnable(choice.tid);
    const region = thread?.process.region;
    if (thread && region && contains(region, thread.registers.ip)) choice.fuel += 6;
  }
}

/** Keeps a thread that was restarted on the CPU where it is. */
class PinningPersonality extends TurnerPersonality {
  override onResume(thread: Thread): ResumeOutcome {
    const outcome = super.onResume(thread);
    if (outcome === 'redirected') {
      thread.affinity = new CpuSet();
      thread.affinity.add(thread.cpu);
    }
    return outcome;
  }
}

describe('R1: sections do not interfere with regular scheduling', () => {
  test.each([1, 2, 3, 5, 7, 11, 50])('under round robin with a quantum of %i', (quantum) => {
    const newScheduler = (): Scheduler => new RoundRobinScheduler(quantum);

    const { differing, restarts } = interference({ newScheduler, newPersonality: turner });

    expect(differing).toBe(0);
    expect(restarts).toBeGreaterThan(0);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('under random with seed %i', (seed) => {
    const newScheduler = (): Scheduler => new RandomScheduler(6, seed);

    const { differing, restarts } = interference({ newScheduler, newPersonality: turner });

    expect(differing).toBe(0);
    expect(restarts).toBeGreaterThan(0);
  });

  test('a scheduler that spares threads in a section is found out', () => {
    const policy = { newScheduler: () => new PeekingScheduler(), newPersonality: turner };

    expect(interference(policy).differing).toBeGreaterThan(0);
  });

  test('a personality that pins the threads it restarts is found out', () => {
    const policy = {
      newScheduler: () => new RandomScheduler(6, 1),
      newPersonality: () => new PinningPersonality(),
    };

    expect(interference(policy).differing).toBeGreaterThan(0);
  });
});

// --- R2: code in scheduler context is tightly constrained -----------------------------------------

/** Who may touch user memory now. */
type Place = 'boot' | 'user' | 'system call' | 'resume' | 'scheduler';

class Watch {
  place: Place = 'boot';
  /** Accesses in the scheduler, by method. */
  readonly trespasses: string[] = [];
  accesses = 0;

  note(method: string): void {
    this.accesses++;
    if (this.place === 'scheduler') this.trespasses.push(method);
  }
}

class WatchedMemory implements Memory {
  readonly #inner = new ArrayMemory(MEMORY_BYTES);

  constructor(readonly watch: Watch) {}

  get sizeBytes(): number {
    this.watch.note('sizeBytes');
    return this.#inner.sizeBytes;
  }

  loadI32(address: number): number | undefined {
    this.watch.note('loadI32');
    return this.#inner.loadI32(address);
  }

  storeI32(address: number, value: number): boolean {
    this.watch.note('storeI32');
    return this.#inner.storeI32(address, value);
  }

  copyIn(address: number, length: number): Uint8Array | undefined {
    this.watch.note('copyIn');
    return this.#inner.copyIn(address, length);
  }

  copyOut(address: number, bytes: Uint8Array): boolean {
    this.watch.note('copyOut');
    return this.#inner.copyOut(address, bytes);
  }
}

/** From an interrupt until the thread is resumed the scheduler is in charge. */
class WatchedMachine implements Machine {
  constructor(
    readonly inner: Machine,
    readonly watch: Watch,
  ) {}

  createContext(program: number, entry: number, argument: number): Context {
    return this.inner.createContext(program, entry, argument);
  }

  releaseContext(context: Context): void {
    this.inner.releaseContext(context);
  }

  loadText(address: number): number | undefined {
    return this.inner.loadText(address);
  }

  run(
    context: Context,
    registers: Registers,
    resumeValue: number,
    fuel: number,
    isAddress: boolean,
  ): Exit {
    this.watch.place = 'user';
    const exit = this.inner.run(context, registers, resumeValue, fuel, isAddress);
    this.watch.place = exit.kind === 'syscall' ? 'system call' : 'scheduler';
    return exit;
  }

  pushSignalCall(context: Context, handler: number, signo: number): void {
    this.inner.pushSignalCall(context, handler, signo);
  }

  isRestart(from: number, to: number): boolean {
    return this.inner.isRestart(from, to);
  }
}

/** Marks the hooks of another personality. */
class WatchedPersonality implements Personality {
  readonly name = 'watched';
  readonly syscalls: Personality['syscalls'];

  constructor(
    readonly inner: Personality,
    readonly watch: Watch,
  ) {
    this.syscalls = inner.syscalls;
  }

  onSwitchOut(registers: Readonly<Registers>): boolean {
    this.watch.place = 'scheduler';
    return this.inner.onSwitchOut(registers);
  }

  onResume(thread: Thread): ResumeOutcome {
    this.watch.place = 'resume';
    const outcome = this.inner.onResume(thread);
    this.watch.place = 'scheduler';
    return outcome;
  }

  onSignal(thread: Thread): ResumeOutcome {
    this.watch.place = 'resume';
    const outcome = this.inner.onSignal(thread);
    this.watch.place = 'scheduler';
    return outcome;
  }

  onClone(parent: Thread, child: Thread): void {
    this.inner.onClone(parent, child);
  }

  onFork(parent: Thread, child: Thread): void {
    this.inner.onFork(parent, child);
  }

  onExec(process: Thread['process']): void {
    this.inner.onExec(process);
  }

  onExit(thread: Thread): void {
    this.inner.onExit(thread);
  }
}

const ACTION = 0x100;
const MASK = 0x140;

/** Threads that run sections, signal each other, yield, move, block and end. */
const BUSY: Scripts = {
  0: [
    syscall(
      Sysno.RestartableSequences,
      RseqOp.SetCritical,
      0,
      REGION.start,
      REGION.end,
      REGION.restart,
    ),
    syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, WORDS),
    act(({ memory }) => [memory.storeI32(ACTION, 2), memory.storeI32(MASK, 0b110)]),
    syscall(Sysno.RtSigaction, Signal.SIGUSR1, ACTION, 0, 8),
    ...Array.from({ length: WORKERS }, (_, index) => spawn(1, index + 1)),
    ...Array.from({ length: WORKERS }, (_, index) => [
      syscall(Sysno.Tgkill, 1, index + 2, Signal.SIGUSR1),
      syscall(Sysno.Join, index + 2),
    ]).flat(),
    ret(0),
  ],
  1: [
    syscall(
      Sysno.RestartableSequences,
      RseqOp.SetCpuPointer,
      0,
      (guest) => WORDS + 64 * guest.argument,
    ),
    ...work(12),
    syscall(Sysno.SchedYield),
    syscall(Sysno.SchedSetaffinity, 0, 4, MASK),
    act((guest) => (guest.locals[0] = (guest.locals[0] ?? 0) + 1)),
    jump(1, (guest) => (guest.locals[0] ?? 0) < 10),
    ret(0),
  ],
  2: [syscall(Sysno.Getcpu, MASK + 8, 0), ...work(3)],
};

/** What touches user memory in the scheduler when `newPersonality` is in charge of sections. */
function trespasses(newPersonality: (memory: Memory) => Personality, seed: number): Watch {
  const watch = new Watch();
  const memory = new WatchedMemory(watch);
  const options: KernelOptions = {
    machine: new WatchedMachine(new ScriptedMachine(BUSY, memory), watch),
    memory,
    scheduler: new RandomScheduler(5, seed),
    personality: new WatchedPersonality(newPersonality(memory), watch),
    cpus: CPUS,
    fuelLimit: 1_000_000,
    threadLimit: WORKERS + 1,
  };
  const outcome = new Kernel(options).run();
  expect(outcome).toMatchObject({ reason: 'exited', exitStatus: 0 });
  return watch;
}

/** Holds on to the memory and uses it when the thread loses its CPU. */
class LeakyPersonality extends TurnerPersonality {
  constructor(readonly memory: Memory) {
    super();
  }

  override onSwitchOut(registers: Readonly<Registers>): boolean {
    this.memory.storeI32(MASK + 12, registers.ip);
    return super.onSwitchOut(registers);
  }
}

/** Scribbles over the registers it is shown. */
class ScribblingPersonality extends TurnerPersonality {
  override onSwitchOut(registers: Readonly<Registers>): boolean {
    Object.assign(registers, { ip: 0xbad, r10: 0xbad, ax: 0xbad, tp: 0xbad });
    return true;
  }
}

/** Counts its calls. */
class CountingPersonality extends TurnerPersonality {
  calls = 0;

  override onSwitchOut(registers: Readonly<Registers>): boolean {
    this.calls++;
    return super.onSwitchOut(registers);
  }
}

function hashWith(personality: Personality, seed: number): string {
  const hash = new TraceHash();
  const scheduler = new RandomScheduler(5, seed);
  boot(BUSY, { personality, scheduler, cpus: CPUS, observers: [hash] }).kernel.run();
  return hash.digest();
}

describe('R2: code in scheduler context is tightly constrained', () => {
  const SEEDS = [1, 2, 3, 4, 5];

  test('the type of the switch-out hook gives it registers to read and nothing else', () => {
    type Hook = Personality['onSwitchOut'];

    expectTypeOf<Parameters<Hook>>().toEqualTypeOf<[registers: Readonly<Registers>]>();
    expectTypeOf<ReturnType<Hook>>().toEqualTypeOf<boolean>();
  });

  test.each(SEEDS)('seed %i: what the hook does to its registers changes nothing', (seed) => {
    expect(hashWith(new ScribblingPersonality(), seed)).toBe(hashWith(turner(), seed));
  });

  test.each(SEEDS)('seed %i: nothing touches user memory from interrupt to resume', (seed) => {
    const watch = trespasses(turner, seed);

    expect(watch.trespasses).toEqual([]);
    expect(watch.accesses).toBeGreaterThan(100);
  });

  test('a hook that has got hold of the memory is found out', () => {
    const watch = trespasses((memory) => new LeakyPersonality(memory), 1);

    expect(new Set(watch.trespasses)).toEqual(new Set(['storeI32']));
  });

  test('the hook runs once each time a thread loses its cpu', () => {
    const personality = new CountingPersonality();
    const scheduler = new RandomScheduler(5, 1);
    const { kernel, events } = boot(BUSY, { personality, scheduler, cpus: CPUS });

    kernel.run();

    expect(personality.calls).toBe(eventsOf(events, TraceEvent.SwitchOut).length);
    expect(personality.calls).toBeGreaterThan(20);
  });
});
