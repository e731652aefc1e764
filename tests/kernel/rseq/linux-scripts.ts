// Areas, descriptors and programs for the tests of rseq: the leader has registered AREA and is about
// to run the section that DESCRIPTOR describes; a second thread takes its CPU or signals it.
//
//   ARM   START            END        ABORT
//   9     10  11  12  13 | 14  ...    20  ...     steps of main; the signature is in front of ABORT

import {
  RSEQ_CPU_ID,
  RSEQ_CPU_ID_START,
  RSEQ_CS_ABORT,
  RSEQ_CS_FLAGS,
  RSEQ_CS_LENGTH,
  RSEQ_CS_START,
  RSEQ_CS_VERSION,
  RSEQ_FLAGS,
  RSEQ_MM_CID,
  RSEQ_NODE_ID,
  RSEQ_RSEQ_CS,
  RSEQ_SIG,
  RSEQ_SLICE_REQUEST,
} from '../../../src/abi/linux-rseq.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import type { KernelOptions } from '../../../src/kernel/kernel.js';
import type { Memory } from '../../../src/kernel/memory.js';
import { RseqEvent } from '../../../src/kernel/rseq/event.js';
import { LinuxV2Personality } from '../../../src/kernel/rseq/linux-v2.js';
import { LinuxPersonality } from '../../../src/kernel/rseq/linux.js';
import type { Personality } from '../../../src/kernel/rseq/personality.js';
import { type Booted, boot, choices, sliceCount, spawn, stepTimes, threadOf } from '../boot.js';
import {
  act,
  type Entry,
  ipOf,
  jump,
  type Script,
  type Step,
  syscall,
  work,
} from '../scripted-machine.js';
import { HOG, KILLER } from '../turner-scripts.js';
import { type Bench, bench, call } from './hooks.js';

export const AREA = 0x40;
const ACTION = 0x200;
export const MASK = 0x240;
export const DESCRIPTOR = 0x400;

export const START = ipOf(10);
export const END = ipOf(14);
export const ABORT = ipOf(20);
/** The step of main that stores rseq_cs. */
export const ARM = 9;
/** Steps of main before those that a test brings. */
export const PROLOGUE = 2;
export const HANDLER = 2;

export const LEGACY = 32;
export const OPTIMIZED = 64;

export interface DescriptorFields {
  readonly version: number;
  readonly flags: number;
  readonly start: number | bigint;
  readonly length: number | bigint;
  readonly abort: number | bigint;
}

const SECTION: DescriptorFields = {
  version: 0,
  flags: 0,
  start: START,
  length: END - START,
  abort: ABORT,
};

export function storeU64(memory: Memory, address: number, value: number | bigint): void {
  const word = BigInt(value);
  memory.storeI32(address, Number(BigInt.asIntN(32, word)));
  memory.storeI32(address + 4, Number(BigInt.asIntN(32, word >> 32n)));
}

/** The descriptor of the section above, but for `fields`. */
export function describeSection(
  memory: Memory,
  fields: Partial<DescriptorFields> = {},
  address: number = DESCRIPTOR,
): void {
  const section = { ...SECTION, ...fields };
  memory.storeI32(address + RSEQ_CS_VERSION, section.version);
  memory.storeI32(address + RSEQ_CS_FLAGS, section.flags);
  storeU64(memory, address + RSEQ_CS_START, section.start);
  storeU64(memory, address + RSEQ_CS_LENGTH, section.length);
  storeU64(memory, address + RSEQ_CS_ABORT, section.abort);
}

export function setSection(
  memory: Memory,
  pointer: number | bigint = DESCRIPTOR,
  area: number = AREA,
): void {
  storeU64(memory, area + RSEQ_RSEQ_CS, pointer);
}

export interface AreaWords {
  readonly cpuIdStart: number | undefined;
  readonly cpuId: number | undefined;
  readonly section: bigint;
  readonly flags: number | undefined;
  readonly nodeId: number | undefined;
  readonly mmCid: number | undefined;
  readonly sliceControl: number | undefined;
}

export function areaWords(memory: Memory, area: number = AREA): AreaWords {
  const low = BigInt((memory.loadI32(area + RSEQ_RSEQ_CS) ?? 0) >>> 0);
  const high = BigInt((memory.loadI32(area + RSEQ_RSEQ_CS + 4) ?? 0) >>> 0);
  return {
    cpuIdStart: memory.loadI32(area + RSEQ_CPU_ID_START),
    cpuId: memory.loadI32(area + RSEQ_CPU_ID),
    section: (high << 32n) | low,
    flags: memory.loadI32(area + RSEQ_FLAGS),
    nodeId: memory.loadI32(area + RSEQ_NODE_ID),
    mmCid: memory.loadI32(area + RSEQ_MM_CID),
    sliceControl: memory.loadI32(area + RSEQ_SLICE_REQUEST),
  };
}

export function idsOf(memory: Memory, area: number = AREA): (number | undefined)[] {
  const { cpuIdStart, cpuId, nodeId, mmCid } = areaWords(memory, area);
  return [cpuIdStart, cpuId, nodeId, mmCid];
}

/** Code with the signature in front of ABORT and `text` besides; all other code reads as 0. */
export function textOf(text: Readonly<Record<number, number>> = {}) {
  const words: Readonly<Record<number, number>> = { [ABORT - 4]: RSEQ_SIG, ...text };
  return (address: number): number | undefined => {
    return words[address] ?? (address >= ipOf(0) ? 0 : undefined);
  };
}

export type LinuxName = 'linux' | 'linux-v2';

export interface LinuxSetup {
  readonly debug?: boolean;
  readonly sliceExtension?: number;
  readonly text?: Readonly<Record<number, number>>;
}

export function linux(name: LinuxName, { text, ...options }: LinuxSetup = {}): Personality {
  const loadText = textOf(text);
  return name === 'linux'
    ? new LinuxPersonality({ loadText, ...options })
    : new LinuxV2Personality({ loadText, ...options });
}

// --- hooks by hand --------------------------------------------------------------------------------

export interface LinuxBench extends Bench {
  readonly personality: Personality;
}

/** A thread that has registered AREA, was interrupted inside the section, and lost its CPU. */
export function interruptedIn(
  name: LinuxName,
  setup: LinuxSetup & {
    readonly length?: number;
    readonly ip?: number;
    readonly flags?: number;
  } = {},
): LinuxBench {
  const personality = linux(name, setup);
  const built = bench();
  const { thread, memory } = built;
  const { length = LEGACY, flags = 0 } = setup;
  const result = call(personality, thread, Sysno.Rseq, AREA, length, flags, RSEQ_SIG);
  if (result !== 0) throw new Error(`rseq returned ${result}`);
  personality.onResume(thread);
  thread.notifyResume = false;
  thread.registers.ip = setup.ip ?? START + 1;
  thread.suspension = 'interrupt';
  thread.events = RseqEvent.Preempt;
  describeSection(memory);
  setSection(memory);
  memory.written.length = 0;
  return { ...built, personality };
}

// --- scripts --------------------------------------------------------------------------------------

export function rseq(
  area: number = AREA,
  length: number = LEGACY,
  flags = 0,
  signature: number = RSEQ_SIG,
): [number, ...number[]] {
  return [Sysno.Rseq, area, length, flags, signature];
}

export const STORE_SECTION: Step = act(({ memory }) => setSection(memory));

/** Registers, starts a second thread, runs `body`, and then the section. */
export function participant(body: Script = [], register: Step = syscall(...rseq())): Script {
  return [
    register,
    spawn(1),
    ...body,
    ...work(ARM - PROLOGUE - body.length),
    STORE_SECTION,
    ...work(31),
    jump(0, () => false),
  ];
}

export interface RunSetup extends LinuxSetup {
  readonly main?: Script;
  readonly worker?: Script;
  readonly handler?: Script;
  readonly action?: number;
  readonly section?: Partial<DescriptorFields>;
  readonly options?: Partial<KernelOptions>;
  readonly personality?: Personality;
  /** Called where the slices have a bar. */
  readonly between?: (booted: Booted) => unknown;
}

/** Runs the slices on two CPUs; the handler of SIGUSR1 is a script of its own. */
export function runLinux(name: LinuxName, slices: string, setup: RunSetup = {}): Booted {
  const { main = participant(), worker = HOG, handler = work(6), action = HANDLER } = setup;
  const booted = boot(
    { 0: main, 1: worker, [HANDLER]: handler },
    {
      cpus: 2,
      scheduler: choices(slices.replace(' | ', ' ')),
      personality: setup.personality ?? linux(name, setup),
      ...setup.options,
    },
  );
  describeSection(booted.memory, setup.section);
  booted.memory.storeI32(ACTION, action);
  const [before = '', after] = slices.split(' | ');
  stepTimes(booted.kernel, sliceCount(before));
  setup.between?.(booted);
  if (after !== undefined) stepTimes(booted.kernel, sliceCount(after));
  return booted;
}

/** A setup in which thread `tid` fences where the slices have a bar: all cpus, or one. */
export function fencedBy(tid: number, cpu?: number): Pick<RunSetup, 'between'> {
  return { between: ({ kernel }) => kernel.fence(threadOf(kernel, tid), cpu) };
}

/** A setup in which the word at `address` is overwritten there, and then thread 2 fences. */
export function overwrittenAndFenced(address: number, value: number): Pick<RunSetup, 'between'> {
  return {
    between: ({ kernel, memory }) => {
      memory.storeI32(address, value);
      kernel.fence(threadOf(kernel, 2), undefined);
    },
  };
}

/** A setup in which the word at `address` is overwritten where the slices have a bar. */
export function overwritten(address: number, value: number): Pick<RunSetup, 'between'> {
  return { between: ({ memory }) => memory.storeI32(address, value) };
}

/** Takes the action for SIGUSR1 from ACTION. */
export const HANDLE: Step = syscall(Sysno.RtSigaction, Signal.SIGUSR1, ACTION, 0, 8);

/** Main with a handler, and a thread that signals it with its first instruction. */
export const SIGNALLED: Pick<RunSetup, 'main' | 'worker'> = {
  main: participant([HANDLE]),
  worker: KILLER,
};

/** What the leader is entered with after it lost its CPU to the other thread at `ip`. */
export function afterPreemptionAt(name: LinuxName, ip: number, setup: RunSetup = {}): Entry {
  return lastEntry(runLinux(name, `0:1x${ip - ipOf(0)} 0:2x1 0:1x1`, setup));
}

export function lastEntry({ machine }: Booted): Entry {
  return machine.entries.at(-1) as Entry;
}
