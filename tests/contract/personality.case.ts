// The contract of a personality, as observed: one script, registered and armed as each ABI wants it,
// is preempted, moved, signalled and fenced, and what became of the thread is written down. The same
// observations make the matrix of docs/personalities.md.
//
//   main   0 ...    registers             1  second thread       2  handler
//          ARM      arms the section      BEFORE  one step
//          START 10  11  12  13 | END 14  ...  RESTART 20

import type { AbiName } from '../../src/abi/code-map.js';
import { EVENT_COUNTER, EVENT_CPU_ID, EVENT_POST_COMMIT_IP } from '../../src/abi/event-counter.js';
import {
  RSEQ_CPU_ID,
  RSEQ_CS_ABORT,
  RSEQ_CS_LENGTH,
  RSEQ_CS_START,
  RSEQ_LEGACY_BYTES,
  RSEQ_RSEQ_CS,
  RSEQ_SIG,
  RSEQ_V2_ALIGN,
} from '../../src/abi/linux-rseq.js';
import { MembarrierCommand } from '../../src/abi/membarrier.js';
import {
  PERCPU_CURRENT_CPU,
  PERCPU_NESTING,
  PERCPU_SIGNAL_SENT,
  PERCPU_SIGNO,
} from '../../src/abi/percpu-signal.js';
import { RasOp } from '../../src/abi/ras.js';
import { RseqOp } from '../../src/abi/rseq.js';
import { Signal } from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { CpuSet } from '../../src/kernel/cpu-set.js';
import { Kernel } from '../../src/kernel/kernel.js';
import type { Memory } from '../../src/kernel/memory.js';
import { Process } from '../../src/kernel/process.js';
import type { Personality } from '../../src/kernel/rseq/personality.js';
import { createPersonality } from '../../src/kernel/rseq/personalities.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { Thread } from '../../src/kernel/thread.js';
import { ArrayMemory } from '../kernel/array-memory.js';
import { choices, MEMORY_BYTES, sliceCount, spawn, threadOf } from '../kernel/boot.js';
import {
  act,
  type Guest,
  ipOf,
  jump,
  ScriptedMachine,
  type Step,
  syscall,
  work,
} from '../kernel/scripted-machine.js';

/** 64 bytes aligned 64: the area of every ABI fits. */
const AREA = 0x40;
const DESCRIPTOR = 0x100;
const ACTION = 0x200;
const SECOND = 1;
const HANDLER = 2;
const ARM = 8;
const START = ipOf(10);
const END = ipOf(14);
const RESTART = ipOf(20);
const SIGNO = Signal.SIGUSR1;

/** How a program of the ABI says what is a section. */
interface Subject {
  /** What a thread registers. */
  readonly register: readonly Step[];
  /** What it stores in front of the section; nothing for those that keep it in the kernel. */
  readonly arm: (guest: Guest) => void;
  /** Address of the word in which the ABI gives the CPU; 0: none. */
  readonly cpuWord: number;
  /** Address of a 64-bit word that arms, which the kernel clears. */
  readonly armingWord?: { readonly name: string; readonly address: number };
  /** What the addresses that a thread can be sent to are called. */
  readonly targets: ReadonlyMap<number, string>;
}

const NOTHING = (): void => {};

function turner(): Subject {
  return {
    register: [
      syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, START, END, RESTART),
      syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, AREA),
    ],
    arm: NOTHING,
    cpuWord: AREA,
    targets: new Map([[RESTART, 'restart']]),
  };
}

function linux(length: number): Subject {
  return {
    register: [syscall(Sysno.Rseq, AREA, length, 0, RSEQ_SIG)],
    arm: ({ memory }) => {
      memory.storeI32(DESCRIPTOR + RSEQ_CS_START, START);
      memory.storeI32(DESCRIPTOR + RSEQ_CS_LENGTH, END - START);
      memory.storeI32(DESCRIPTOR + RSEQ_CS_ABORT, RESTART);
      memory.storeI32(AREA + RSEQ_RSEQ_CS, DESCRIPTOR);
    },
    cpuWord: AREA + RSEQ_CPU_ID,
    armingWord: { name: 'rseq_cs', address: AREA + RSEQ_RSEQ_CS },
    targets: new Map([[RESTART, 'abort_ip']]),
  };
}

const SUBJECTS: Readonly<Record<AbiName, Subject>> = {
  turner: turner(),
  google: turner(),
  'event-counter': {
    register: [syscall(Sysno.RestartableSequences, AREA, 0)],
    arm: ({ memory, registers }) => {
      memory.storeI32(AREA + EVENT_POST_COMMIT_IP, END);
      registers.cx = RESTART;
      registers.dx = memory.loadI32(AREA + EVENT_COUNTER) ?? 0;
    },
    cpuWord: AREA + EVENT_CPU_ID,
    armingWord: { name: 'post_commit_ip', address: AREA + EVENT_POST_COMMIT_IP },
    targets: new Map([[RESTART, 'cx']]),
  },
  'percpu-signal': {
    register: [syscall(Sysno.RestartableSequences, AREA, 0)],
    arm: ({ memory }) => {
      memory.storeI32(AREA + PERCPU_SIGNO, Signal.SIGUSR2);
      memory.storeI32(AREA + PERCPU_NESTING, 1);
    },
    cpuWord: AREA + PERCPU_CURRENT_CPU,
    targets: new Map(),
  },
  linux: linux(RSEQ_LEGACY_BYTES),
  'linux-v2': linux(RSEQ_V2_ALIGN),
  ras: {
    register: [syscall(Sysno.Rasctl, START, END - START, RasOp.Install)],
    arm: NOTHING,
    cpuWord: 0,
    targets: new Map([[START, 'start']]),
  },
};

/** What became of a thread. */
export type Fate = 'goes on' | 'signal' | 'SIGSEGV' | string;

/** Memory in which the area can go away. */
class VanishingMemory implements Memory {
  readonly #inner = new ArrayMemory(MEMORY_BYTES);
  isAreaGone = false;

  get sizeBytes(): number {
    return this.#inner.sizeBytes;
  }

  loadI32(address: number): number | undefined {
    return this.#isGone(address, 4) ? undefined : this.#inner.loadI32(address);
  }

  storeI32(address: number, value: number): boolean {
    return !this.#isGone(address, 4) && this.#inner.storeI32(address, value);
  }

  copyIn(address: number, length: number): Uint8Array | undefined {
    return this.#isGone(address, length) ? undefined : this.#inner.copyIn(address, length);
  }

  copyOut(address: number, bytes: Uint8Array): boolean {
    return !this.#isGone(address, bytes.length) && this.#inner.copyOut(address, bytes);
  }

  #isGone(address: number, length: number): boolean {
    return this.isAreaGone && address < AREA + 64 && address + length > AREA;
  }
}

interface Variation {
  /** Step of main at START + 1. */
  readonly inside?: Step;
  /** What the second thread does with every step. */
  readonly second?: Step;
  /** The word in front of the abort label is another. */
  readonly isUnsigned?: boolean;
  /** The slice before which the area goes away. */
  readonly goneBefore?: number;
}

const IDLE: Step = { kind: 'work' };

/** A kernel of the ABI with the subject in it; slices as in `choices`. */
export class Observation {
  readonly memory = new VanishingMemory();
  readonly machine: ScriptedMachine;
  readonly kernel: Kernel;
  readonly personality: Personality;
  readonly subject: Subject;

  constructor(abi: AbiName, slices: string, variation: Variation = {}) {
    const { inside = IDLE, second = IDLE, isUnsigned = false, goneBefore } = variation;
    this.subject = SUBJECTS[abi];
    const prologue = [
      syscall(Sysno.RtSigaction, SIGNO, ACTION, 0, 8),
      syscall(Sysno.RtSigaction, Signal.SIGUSR2, ACTION, 0, 8),
      syscall(Sysno.Membarrier, MembarrierCommand.RegisterPrivateExpeditedRseq, 0, 0),
      ...this.subject.register,
      spawn(SECOND),
    ];
    const main = [
      ...prologue,
      ...work(ARM - prologue.length),
      act(this.subject.arm),
      IDLE,
      IDLE,
      inside,
      ...work(40),
    ];
    const scripts = { 0: main, [SECOND]: [second, jump(0)], [HANDLER]: work(3) };
    this.machine = new ScriptedMachine(scripts, this.memory);
    this.machine.text.set(RESTART - 4, isUnsigned ? 0 : RSEQ_SIG);
    this.memory.storeI32(ACTION, HANDLER);
    const loadText = (address: number): number | undefined => this.machine.loadText(address);
    this.personality = createPersonality([abi], { loadText });
    this.kernel = new Kernel({
      machine: this.machine,
      memory: this.memory,
      scheduler: choices(slices),
      personality: this.personality,
      cpus: 2,
      fuelLimit: 1e6,
      threadLimit: 8,
    });
    for (let slice = 0; slice < sliceCount(slices); slice++) {
      if (slice === goneBefore) this.memory.isAreaGone = true;
      this.kernel.step();
    }
  }

  get leader(): Thread {
    return threadOf(this.kernel, 1);
  }

  /** Steps until main is at `ip`. */
  static fuelTo(ip: number): number {
    return ip - ipOf(0);
  }

  /** What became of the leader, that was stopped at `ip` and has been resumed. */
  fate(ip: number): Fate {
    const { process } = this.kernel;
    if (process.death !== undefined) return 'SIGSEGV';
    const saved = this.leader.frames[0]?.registers.ip;
    if (saved !== undefined && saved === ip) return 'signal';
    const now = saved ?? this.machine.entries.at(-1)?.ip ?? 0;
    return now === ip ? 'goes on' : (this.subject.targets.get(now) ?? `to 0x${now.toString(16)}`);
  }
}

/** The leader is stopped at `ip`, the second thread takes its CPU, the leader gets it back. */
export function preempt(abi: AbiName, ip: number, variation: Variation = {}): Observation {
  const fuel = Observation.fuelTo(ip);
  return new Observation(abi, `0:1x${fuel} 0:2x1 0:1x1`, variation);
}

const MIDDLE = START + 1;
const TO_MIDDLE = Observation.fuelTo(MIDDLE);

/** What is done to the leader in the middle of its section, and what becomes of it. */
export const INTERRUPTIONS: Readonly<Record<string, (abi: AbiName) => Fate>> = {
  'slice over, CPU kept': (abi) => new Observation(abi, `0:1x${TO_MIDDLE} 0:1x1`).fate(MIDDLE),
  preempted: (abi) => preempt(abi, MIDDLE).fate(MIDDLE),
  'gave up the CPU (sched_yield)': (abi) =>
    new Observation(abi, `0:1x${TO_MIDDLE + 1} 0:2x1 0:1x1`, {
      inside: syscall(Sysno.SchedYield),
    }).fate(MIDDLE),
  migrated: (abi) => new Observation(abi, `0:1x${TO_MIDDLE} 1:1x1`).fate(MIDDLE),
  signalled: (abi) =>
    new Observation(abi, `0:1x${TO_MIDDLE} 1:2x1 0:1x1`, {
      second: syscall(Sysno.Tgkill, 1, 1, SIGNO),
    }).fate(MIDDLE),
  'fenced (membarrier)': (abi) =>
    new Observation(abi, `0:1x${TO_MIDDLE} 1:2x1 0:1x1`, {
      second: syscall(Sysno.Membarrier, MembarrierCommand.PrivateExpeditedRseq, 0, 0),
    }).fate(MIDDLE),
};

/** A row of the matrix: one thing to know of every ABI. */
interface Row {
  readonly name: string;
  readonly observe: (abi: AbiName) => string;
}

/** The system calls of an ABI, and a kernel that never does anything about sections. */
class DeafPersonality implements Personality {
  readonly name: string;
  readonly syscalls: Personality['syscalls'];

  constructor(inner: Personality) {
    this.name = `deaf ${inner.name}`;
    this.syscalls = inner.syscalls;
  }

  onSwitchOut(): boolean {
    return false;
  }

  onResume(): 'unchanged' {
    return 'unchanged';
  }

  onSignal(): 'unchanged' {
    return 'unchanged';
  }

  onClone(): void {}
  onFork(): void {}
  onExec(): void {}
  onExit(): void {}
}

const R1_SLICES = 1000;

/** A random schedule of a thread that goes through its section again and again, and two others. */
export function scheduleOf(
  abi: AbiName,
  seed: number,
  isDeaf: boolean,
): { readonly schedule: string; readonly restarts: number; readonly signals: number } {
  const { register, arm } = SUBJECTS[abi];
  const prologue = [
    syscall(Sysno.RtSigaction, Signal.SIGUSR2, ACTION, 0, 8),
    ...register,
    spawn(SECOND),
    spawn(SECOND),
  ];
  const rearm = act((guest) => {
    if (abi === 'percpu-signal') guest.memory.storeI32(AREA + PERCPU_SIGNAL_SENT, 0);
    arm(guest);
  });
  const main = [
    ...prologue,
    ...work(ARM - prologue.length),
    rearm,
    ...work(5),
    jump(ARM),
    ...work(5),
    jump(ARM),
  ];
  const memory = new ArrayMemory(MEMORY_BYTES);
  const machine = new ScriptedMachine({ 0: main, [SECOND]: [jump(0)], [HANDLER]: work(3) }, memory);
  machine.text.set(RESTART - 4, RSEQ_SIG);
  memory.storeI32(ACTION, HANDLER);
  const personality = createPersonality([abi], {
    loadText: (address) => machine.loadText(address),
  });
  const kernel = new Kernel({
    machine,
    memory,
    scheduler: new RandomScheduler(5, seed),
    personality: isDeaf ? new DeafPersonality(personality) : personality,
    cpus: 2,
    fuelLimit: 1e6,
    threadLimit: 8,
  });
  for (let slice = 0; slice < R1_SLICES; slice++) kernel.step();
  const { restarts, signals } = kernel.counts;
  return { schedule: kernel.schedule.toString(), restarts, signals };
}

const IPS = [START - 1, START, MIDDLE, END - 1, END];

/** Where an interruption is noticed, from before start to end. */
export function noticedAt(abi: AbiName): number[] {
  return IPS.filter((ip) => preempt(abi, ip).fate(ip) !== 'goes on');
}

function insideTest(abi: AbiName): string {
  const noticed = noticedAt(abi).map((ip) => ip - START);
  const forms: Readonly<Record<string, string>> = {
    '0,1,3': 'start <= ip < end',
    '1,3': 'start < ip < end',
    '-1,0,1,3': 'ip < end, once armed',
    '-1,0,1,3,4': 'while nesting > 0',
  };
  return forms[noticed.join()] ?? `at ${noticed.join()}`;
}

function afterFork(abi: AbiName, change: (observation: Observation) => Thread): string {
  const observation = new Observation(abi, `0:1x${TO_MIDDLE}`);
  const thread = change(observation);
  observation.personality.onSwitchOut({ ...thread.registers });
  thread.events = 1;
  thread.suspension = 'interrupt';
  const signo = observation.personality.onSwitchIn?.(thread) ?? 0;
  const outcome = observation.personality.onResume(thread);
  return outcome === 'redirected' || signo !== 0 ? 'yes' : 'no';
}

function forked({ kernel, leader, personality }: Observation): Thread {
  const process = new Process(50, kernel.process.memory);
  const child = new Thread(50, process, 0, {}, CpuSet.firstCpus(2), 0);
  process.threads.set(50, child);
  Object.assign(child.registers, leader.registers);
  personality.onFork(leader, child);
  return child;
}

function cloned({ kernel, leader, personality }: Observation): Thread {
  const child = new Thread(51, kernel.process, 0, {}, CpuSet.firstCpus(2), 0);
  kernel.process.threads.set(51, child);
  Object.assign(child.registers, leader.registers);
  personality.onClone(leader, child);
  return child;
}

function executed({ kernel, leader, personality }: Observation): Thread {
  personality.onExec(kernel.process);
  return leader;
}

const ROWS: readonly Row[] = [
  { name: 'inside', observe: insideTest },
  ...Object.keys(INTERRUPTIONS).map((name) => ({
    name,
    observe: (abi: AbiName) => (INTERRUPTIONS[name] as (abi: AbiName) => Fate)(abi),
  })),
  {
    name: 'old ip in r10',
    observe: (abi) => (preempt(abi, MIDDLE).machine.entries.at(-1)?.r10 === MIDDLE ? 'yes' : 'no'),
  },
  {
    name: 'word that the kernel clears',
    observe: (abi) => {
      const { memory, subject } = preempt(abi, MIDDLE);
      const word = subject.armingWord;
      return word !== undefined && memory.loadI32(word.address) === 0 ? word.name : 'none';
    },
  },
  {
    name: 'signature before the target',
    observe: (abi) =>
      preempt(abi, MIDDLE, { isUnsigned: true }).fate(MIDDLE) === 'SIGSEGV' ? 'yes' : 'no',
  },
  {
    name: 'word with the CPU',
    observe: (abi) => {
      const { memory, subject } = new Observation(abi, `0:1x${TO_MIDDLE} 1:1x1`);
      return subject.cpuWord !== 0 && memory.loadI32(subject.cpuWord) === 1 ? 'yes' : 'none';
    },
  },
  {
    name: 'area gone',
    observe: (abi) => {
      const { kernel } = new Observation(abi, `0:1x${TO_MIDDLE} 0:2x1 0:1x1`, { goneBefore: 1 });
      return kernel.process.death === undefined ? 'goes on' : 'SIGSEGV';
    },
  },
  { name: 'clone: a thread is in it unregistered', observe: (abi) => afterFork(abi, cloned) },
  { name: 'fork: the child is in it', observe: (abi) => afterFork(abi, forked) },
  { name: 'exec: still in it', observe: (abi) => afterFork(abi, executed) },
];

/** The observations as the table of docs/personalities.md. */
export function formatMatrix(abis: readonly AbiName[]): string {
  const rows = [
    ['', ...abis],
    ['---', ...abis.map(() => '---')],
    ...ROWS.map(({ name, observe }) => [name, ...abis.map((abi) => observe(abi))]),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
