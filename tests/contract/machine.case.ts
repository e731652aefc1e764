// The laws of the Machine port. Whoever brings a machine gives a factory and the entry numbers of six
// small programs, compiled for it, and runs this suite:
//
//   returnArgument(n)  returns n
//   spin(n)            loops n times, returns n
//   callSystem(n)      system call SYSNO with (n, -1, 2, 3, 4, 5), returns its result
//   section(n)         a section that loads and stores; returns what its restart label returned
//   trap(n)            breaks the machine, as an unreachable instruction does
//   handler(signo)     system call HANDLER_SYSNO with (signo)

import { describe, expect, test } from 'vitest';
import { Sysno } from '../../src/abi/syscall.js';
import {
  type Context,
  type ExitKind,
  type Machine,
  newRegisters,
  type Registers,
} from '../../src/kernel/machine.js';

export const SYSNO = 0x7001;
export const HANDLER_SYSNO = 0x7002;

export interface ContractPrograms {
  readonly returnArgument: number;
  readonly spin: number;
  readonly callSystem: number;
  readonly section: {
    readonly entry: number;
    readonly start: number;
    readonly end: number;
    readonly restart: number;
  };
  readonly trap: number;
  readonly handler: number;
}

export interface MachineCase {
  readonly name: string;
  readonly newMachine: () => { readonly machine: Machine; readonly programs: ContractPrograms };
  /** Laws, by name, that this machine does not keep, and why. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
}

const PLENTY = 1_000_000;
const ROUNDS = 100;

/** A copy of the exit, which the machine reuses, and the registers after it. */
interface Stop {
  readonly kind: ExitKind;
  readonly fuelUsed: number;
  readonly sysno: number;
  readonly args: readonly number[];
  readonly value: number;
  readonly message: string | undefined;
}

/** A thread as the kernel keeps it: what suspended it decides what it is resumed with. */
class Subject {
  readonly registers: Registers = newRegisters();
  readonly context: Context;
  #isInterrupted = false;

  constructor(
    readonly machine: Machine,
    entry: number,
    argument: number,
  ) {
    this.context = machine.createContext(0, entry, argument);
  }

  run(fuel: number): Stop {
    const value = this.#isInterrupted ? this.registers.ip : this.registers.ax;
    const exit = this.machine.run(this.context, this.registers, value, fuel, this.#isInterrupted);
    this.#isInterrupted = exit.kind === 'interrupted';
    const { kind, fuelUsed, sysno, args, fault } = exit;
    return { kind, fuelUsed, sysno, args: [...args], value: exit.value, message: fault?.message };
  }

  /** Run on, `fuel` at a time, until something else than fuel stops it. */
  finish(fuel: number): Stop {
    for (let slice = 0; slice < PLENTY; slice++) {
      const stop = this.run(fuel);
      if (stop.kind !== 'interrupted') return stop;
    }
    throw new Error('the program does not end');
  }

  /** Deliver signal `signo` as the kernel does; returns how to take the frame down again. */
  signal(handler: number, signo: number): () => void {
    const saved = { ...this.registers };
    const wasInterrupted = this.#isInterrupted;
    this.machine.pushSignalCall(this.context, handler, signo);
    Object.assign(this.registers, { ip: 0 });
    this.#isInterrupted = false;
    return () => {
      Object.assign(this.registers, saved);
      this.#isInterrupted = wasInterrupted;
    };
  }
}

type Law = (machine: Machine, programs: ContractPrograms) => void;

/** A thread that has been interrupted inside the section. */
function interruptedInSection(machine: Machine, programs: ContractPrograms): Subject {
  const { entry, start, end } = programs.section;
  for (let fuel = 1; fuel < PLENTY; fuel++) {
    const subject = new Subject(machine, entry, 0);
    const stop = subject.run(fuel);
    const { ip } = subject.registers;
    if (stop.kind === 'interrupted' && ip >= start && ip < end) return subject;
    if (stop.kind === 'returned') break;
  }
  throw new Error('no amount of fuel interrupts the section');
}

const LAWS: Readonly<Record<string, Law>> = {
  'a function gets its argument and its value comes back'(machine, programs) {
    const subject = new Subject(machine, programs.returnArgument, -7);

    const stop = subject.run(PLENTY);

    expect(stop).toMatchObject({ kind: 'returned', value: -7 });
  },

  'a run that is interrupted has used the fuel it was granted'(machine, programs) {
    const subject = new Subject(machine, programs.spin, ROUNDS);

    const stop = subject.run(5);

    expect(stop.kind).toBe('interrupted');
    expect(stop.fuelUsed).toBeGreaterThanOrEqual(5);
  },

  'a run that is interrupted has used exactly the fuel it was granted'(machine, programs) {
    const subject = new Subject(machine, programs.spin, ROUNDS);

    const used = [1, 2, 3, 5, 8].map((fuel) => subject.run(fuel).fuelUsed);

    expect(used).toEqual([1, 2, 3, 5, 8]);
  },

  'a program that is not interrupted uses no more fuel than granted'(machine, programs) {
    const subject = new Subject(machine, programs.returnArgument, 1);

    const stop = subject.run(PLENTY);

    expect(stop.fuelUsed).toBeGreaterThan(0);
    expect(stop.fuelUsed).toBeLessThan(PLENTY);
  },

  'interrupts do not change what a program computes'(machine, programs) {
    const results = [1, 2, 3, 7, PLENTY].map((fuel) =>
      new Subject(machine, programs.spin, ROUNDS).finish(fuel),
    );

    expect(results.map((stop) => stop.value)).toEqual(Array(5).fill(ROUNDS));
  },

  'an interrupted thread is at a code address, the same for the same fuel'(machine, programs) {
    const [first, second] = [0, 1].map(() => {
      const subject = new Subject(machine, programs.spin, ROUNDS);
      subject.run(9);
      return subject.registers.ip;
    });

    expect(first).toBeGreaterThan(0);
    expect(second).toBe(first);
  },

  'a system call carries its number and its six arguments'(machine, programs) {
    const subject = new Subject(machine, programs.callSystem, 42);

    const stop = subject.finish(PLENTY);

    expect(stop).toMatchObject({ kind: 'syscall', sysno: SYSNO, args: [42, -1, 2, 3, 4, 5] });
    expect(subject.registers.ip).toBeGreaterThan(0);
  },

  'a system call returns the value the thread is resumed with'(machine, programs) {
    const subject = new Subject(machine, programs.callSystem, 1);
    subject.finish(PLENTY);

    subject.registers.ax = -38;

    expect(subject.finish(PLENTY)).toMatchObject({ kind: 'returned', value: -38 });
  },

  'an undisturbed section is not restarted'(machine, programs) {
    const subject = interruptedInSection(machine, programs);

    const stop = subject.finish(PLENTY);

    expect(stop).toMatchObject({ kind: 'returned', value: 0 });
  },

  'a thread goes on where the kernel moved its ip, and its label returns r10'(machine, programs) {
    const subject = interruptedInSection(machine, programs);
    const interruptedIp = subject.registers.ip;

    Object.assign(subject.registers, { r10: interruptedIp, ip: programs.section.restart });

    expect(subject.finish(PLENTY)).toMatchObject({ kind: 'returned', value: interruptedIp });
  },

  'a section can be restarted any number of times'(machine, programs) {
    const subject = interruptedInSection(machine, programs);
    const { start, end, restart } = programs.section;
    let restarts = 0;
    for (let slice = 0; slice < ROUNDS; slice++) {
      const { ip } = subject.registers;
      if (ip >= start && ip < end) {
        Object.assign(subject.registers, { r10: ip, ip: restart });
        restarts++;
      }
      if (restarts === 3) break;
      subject.run(1);
    }

    expect(restarts).toBe(3);
    expect(subject.finish(PLENTY).kind).toBe('returned');
  },

  'the restart label is a restart of every address of its section'(machine, programs) {
    const { start, end, restart } = programs.section;

    for (let ip = start; ip < end; ip++) expect(machine.isRestart(ip, restart)).toBe(true);
  },

  'an address that is no code is nobody’s restart'(machine, programs) {
    const { start } = programs.section;

    expect([0, 1, 0xfffe0000].map((to) => machine.isRestart(start, to))).toEqual([
      false,
      false,
      false,
    ]);
  },

  'a thread that has not run has no restart'(machine, programs) {
    expect(machine.isRestart(0, programs.section.restart)).toBe(false);
  },

  'contexts are independent'(machine, programs) {
    const threads = [10, 20, 30].map((count) => new Subject(machine, programs.spin, count));
    const values = new Map<Subject, number>();
    for (let turn = 0; values.size < threads.length && turn < PLENTY; turn++) {
      const thread = threads[turn % threads.length] as Subject;
      if (values.has(thread)) continue;
      const stop = thread.run(3);
      if (stop.kind === 'returned') values.set(thread, stop.value);
    }

    expect(threads.map((thread) => values.get(thread))).toEqual([10, 20, 30]);
  },

  'a signal call runs before the interrupted code goes on'(machine, programs) {
    const subject = new Subject(machine, programs.spin, ROUNDS);
    subject.run(5);

    subject.signal(programs.handler, 10);

    expect(subject.finish(PLENTY)).toMatchObject({
      kind: 'syscall',
      sysno: HANDLER_SYSNO,
      args: [10, 0, 0, 0, 0, 0],
    });
  },

  'a handler that returns makes system call rt_sigreturn'(machine, programs) {
    const subject = new Subject(machine, programs.spin, ROUNDS);
    subject.run(5);
    subject.signal(programs.handler, 10);
    subject.finish(PLENTY);

    const stop = subject.finish(PLENTY);

    expect(stop).toMatchObject({ kind: 'syscall', sysno: Sysno.RtSigreturn });
  },

  'after rt_sigreturn the interrupted code goes on as if nothing had happened'(machine, programs) {
    const subject = new Subject(machine, programs.spin, ROUNDS);
    subject.run(5);
    const takeDown = subject.signal(programs.handler, 10);
    subject.finish(1);
    subject.finish(1);

    takeDown();

    expect(subject.finish(PLENTY)).toMatchObject({ kind: 'returned', value: ROUNDS });
  },

  'a signal in a system call leaves the result of the call to the kernel'(machine, programs) {
    const subject = new Subject(machine, programs.callSystem, 1);
    subject.finish(PLENTY);
    subject.registers.ax = -4;
    const takeDown = subject.signal(programs.handler, 12);
    subject.finish(PLENTY);
    subject.finish(PLENTY);

    takeDown();

    expect(subject.finish(PLENTY)).toMatchObject({ kind: 'returned', value: -4 });
  },

  'a handler can itself be interrupted by a handler'(machine, programs) {
    const subject = new Subject(machine, programs.spin, ROUNDS);
    subject.run(5);
    const takeDownOuter = subject.signal(programs.handler, 10);
    subject.finish(PLENTY);
    const takeDownInner = subject.signal(programs.handler, 12);

    expect(subject.finish(PLENTY).args[0]).toBe(12);
    expect(subject.finish(PLENTY).sysno).toBe(Sysno.RtSigreturn);
    takeDownInner();
    expect(subject.finish(PLENTY).sysno).toBe(Sysno.RtSigreturn);
    takeDownOuter();
    expect(subject.finish(PLENTY)).toMatchObject({ kind: 'returned', value: ROUNDS });
  },

  'a signal can come before the first instruction of a thread'(machine, programs) {
    const subject = new Subject(machine, programs.returnArgument, 9);
    const takeDown = subject.signal(programs.handler, 10);
    expect(subject.finish(PLENTY).sysno).toBe(HANDLER_SYSNO);
    expect(subject.finish(PLENTY).sysno).toBe(Sysno.RtSigreturn);

    takeDown();

    expect(subject.finish(PLENTY)).toMatchObject({ kind: 'returned', value: 9 });
  },

  'a trap is a fault with a message, not an exception'(machine, programs) {
    const subject = new Subject(machine, programs.trap, 0);

    const stop = subject.finish(PLENTY);

    expect(stop.kind).toBe('faulted');
    expect(stop.message).not.toBe('');
  },

  'a fault of one thread leaves the others alone'(machine, programs) {
    const survivor = new Subject(machine, programs.spin, ROUNDS);
    survivor.run(5);
    new Subject(machine, programs.trap, 0).finish(PLENTY);

    const stop = survivor.finish(PLENTY);

    expect(stop).toMatchObject({ kind: 'returned', value: ROUNDS });
  },
};

export function machineContract({ name, newMachine, skip = [] }: MachineCase): void {
  const skipped = new Set(skip.flatMap(({ tests }) => tests));
  describe(`${name} keeps the laws of Machine`, () => {
    for (const [law, check] of Object.entries(LAWS)) {
      if (skipped.has(law)) continue;
      test(law, () => {
        const { machine, programs } = newMachine();
        check(machine, programs);
      });
    }

    test('what the case skips are laws', () => {
      expect([...skipped].filter((law) => !(law in LAWS))).toEqual([]);
    });
  });
}
