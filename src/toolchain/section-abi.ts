// What a section does for its ABI besides being a section: the same source becomes code that the
// kernel of that ABI can find. Lowering leaves calls of placeholder imports where such code belongs,
//
//     loop L { <disarm when redirected>; A; arm; point 0; <check>; B ...; end point; disarm }
//
// and metering, which knows the addresses, puts the code there, to be metered like any other.
//
//   abi            arm                                         check              disarm
//   turner         -                                           -                  -
//   event-counter  dx = event counter; cx = restart;           event counter      post-commit word = 0
//                  post-commit word = end                      still dx?
//   percpu-signal  nesting++; generation++                     -                  nesting--, on every way out
//   linux          rseq_cs = descriptor                        -                  -
//   ras            -                                           -                  -

import { type AbiName } from '../abi/code-map.js';
import { EVENT_COUNTER, EVENT_CPU_ID, EVENT_POST_COMMIT_IP } from '../abi/event-counter.js';
import {
  RSEQ_CPU_ID,
  RSEQ_CS_ABORT,
  RSEQ_CS_BYTES,
  RSEQ_CS_LENGTH,
  RSEQ_CS_START,
  RSEQ_RSEQ_CS,
} from '../abi/linux-rseq.js';
import { ACCESS_LOAD } from '../abi/module.js';
import { PERCPU_CURRENT_CPU, PERCPU_GENERATION, PERCPU_NESTING } from '../abi/percpu-signal.js';
import { TCB_CPU_ID } from '../abi/thread.js';
import type { Ref } from './binaryen.js';
import { ACCESSED, LOAD_BIAS, CX, DESCRIPTORS, DX, R10, TP } from './names.js';
import type { Ir } from './ir.js';

/** The addresses of one copy of a section. */
export interface SectionAddresses {
  /** Number of the copy, in the order of the code. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly restart: number;
}

/** `leave` stands before a branch out of a section, for every ABI: it keeps what the section does before it. */
export type PlaceholderKind = 'arm' | 'check' | 'disarm' | 'leave';

type Emit = (ir: Ir, section: SectionAddresses) => Ref;

export interface SectionAbi {
  /**
   * Code for each placeholder; none, no placeholder. `check` gives 0, or not 0 to restart; `disarm`
   * gets no section.
   */
  readonly emit: { readonly arm?: Emit; readonly check?: Emit; readonly disarm?: (ir: Ir) => Ref };
  /** Disarm also where control leaves the section by a branch, and where it has been redirected. */
  readonly disarmsOnLeaving: boolean;
  /** Offset in the thread control block of the cpu word; undefined: there is none, the CPU is 0. */
  readonly cpuIdOffset: number | undefined;
  /** Bytes of signature in front of every restart label. */
  readonly signatureBytes: number;
  /**
   * The value of a section's point `ip`: 0, or not 0 when the thread has been redirected, and then
   * restart() returns it. `interrupt` asks the kernel. Local 1 is free.
   */
  redirection(ir: Ir, ip: () => Ref, interrupt: () => Ref): Ref;
}

const PLAIN: Omit<SectionAbi, 'cpuIdOffset'> = {
  emit: {},
  disarmsOnLeaving: false,
  signatureBytes: 0,
  // No register tells: the code knows itself where it was.
  redirection: (ir, ip, interrupt) => whenRedirected(ir, binary(ir, 'ne', interrupt(), ip()), ip()),
};

const TURNER: SectionAbi = {
  ...PLAIN,
  cpuIdOffset: TCB_CPU_ID,
  redirection: (ir, ip, interrupt) =>
    whenRedirected(ir, binary(ir, 'ne', interrupt(), ip()), global(ir, R10)),
};

const LINUX: SectionAbi = {
  ...PLAIN,
  emit: {
    arm: (ir, { index }) =>
      storeAddress(ir, RSEQ_RSEQ_CS, add(ir, global(ir, DESCRIPTORS), index * RSEQ_CS_BYTES)),
  },
  cpuIdOffset: RSEQ_CPU_ID,
  signatureBytes: 4,
};

const EVENT_COUNTERS: SectionAbi = {
  ...PLAIN,
  emit: {
    arm: (ir, { end, restart }) =>
      ir.sequence([
        ir.module.global.set(DX, loadArea(ir, EVENT_COUNTER)),
        ir.module.global.set(CX, address(ir, restart)),
        storeAddress(ir, EVENT_POST_COMMIT_IP, address(ir, end)),
      ]),
    check: (ir, { start }) =>
      ir.module.if(
        binary(ir, 'ne', loadArea(ir, EVENT_COUNTER), global(ir, DX)),
        ir.module.i32.const(start),
        ir.module.i32.const(0),
      ),
    disarm: (ir) => storeAddress(ir, EVENT_POST_COMMIT_IP, ir.module.i32.const(0)),
  },
  cpuIdOffset: EVENT_CPU_ID,
};

const PERCPU_SIGNALS: SectionAbi = {
  ...PLAIN,
  emit: {
    arm: (ir) =>
      ir.sequence([addToArea(ir, PERCPU_GENERATION, 1), addToArea(ir, PERCPU_NESTING, 1)]),
    disarm: (ir) => addToArea(ir, PERCPU_NESTING, -1),
  },
  disarmsOnLeaving: true,
  cpuIdOffset: PERCPU_CURRENT_CPU,
  // The kernel moves no ip: a thread is redirected when its handler, or a section of any handler,
  // has made it another generation.
  redirection: (ir, ip, interrupt) => {
    const { module, binaryen } = ir;
    const before = module.local.get(1, binaryen.i32);
    return ir.sequence(
      [
        module.local.set(1, notedLoad(ir, PERCPU_GENERATION)),
        module.drop(interrupt()),
        whenRedirected(ir, binary(ir, 'ne', notedLoad(ir, PERCPU_GENERATION), before), ip()),
      ],
      binaryen.i32,
    );
  },
};

const SECTION_ABIS: Readonly<Record<AbiName, SectionAbi>> = {
  turner: TURNER,
  google: TURNER,
  'event-counter': EVENT_COUNTERS,
  'percpu-signal': PERCPU_SIGNALS,
  linux: LINUX,
  'linux-v2': LINUX,
  ras: { ...PLAIN, cpuIdOffset: undefined },
};

export function sectionAbi(name: AbiName): SectionAbi {
  return SECTION_ABIS[name];
}

/** Name of the import that stands for `kind` of section `section` between lowering and metering. */
export function placeholderName(kind: PlaceholderKind, section: number): string {
  return `rseq.${kind}.${section}`;
}

/** Kind and section of a name made by placeholderName, or undefined for any other name. */
export function parsePlaceholderName(
  name: string,
): { kind: PlaceholderKind; section: number } | undefined {
  const [, kind, section] = /^rseq\.(arm|check|disarm|leave)\.(\d+)$/.exec(name) ?? [];
  return kind === undefined
    ? undefined
    : { kind: kind as PlaceholderKind, section: Number(section) };
}

/** The descriptors of all sections, struct rseq_cs, without the load bias. */
export function encodeDescriptors(sections: readonly SectionAddresses[]): Uint8Array {
  const bytes = new Uint8Array(sections.length * RSEQ_CS_BYTES);
  const view = new DataView(bytes.buffer);
  sections.forEach(({ start, end, restart }, index) => {
    const at = index * RSEQ_CS_BYTES;
    view.setUint32(at + RSEQ_CS_START, start, true);
    view.setUint32(at + RSEQ_CS_LENGTH, end - start, true);
    view.setUint32(at + RSEQ_CS_ABORT, restart, true);
  });
  return bytes;
}

/** A code address as the kernel knows it, wherever the module was put. */
export function address(ir: Ir, ip: number): Ref {
  return add(ir, global(ir, LOAD_BIAS), ip);
}

/** An i32 of the thread's area. */
export function loadArea(ir: Ir, offset: number): Ref {
  const load = ir.module.i32['load'] as (offset: number, align: number, ptr: Ref) => Ref;
  return load(offset, 4, global(ir, TP));
}

/** The same in code that is not metered, so that nobody else tells the host of it. */
function notedLoad(ir: Ir, offset: number): Ref {
  const { module, binaryen } = ir;
  const access = module.i32.const(4 * 4 + ACCESS_LOAD);
  const note = module.call(ACCESSED, [add(ir, global(ir, TP), offset), access], binaryen.none);
  return ir.sequence([note, loadArea(ir, offset)], binaryen.i32);
}

function whenRedirected({ module }: Ir, isRedirected: Ref, value: Ref): Ref {
  return module.if(isRedirected, value, module.i32.const(0));
}

function addToArea(ir: Ir, offset: number, amount: number): Ref {
  const store = ir.module.i32['store'] as (
    offset: number,
    align: number,
    ptr: Ref,
    value: Ref,
  ) => Ref;
  return store(offset, 4, global(ir, TP), add(ir, loadArea(ir, offset), amount));
}

/** Store an address in a field of 64 bits, as user space of 64 bits has them. */
function storeAddress({ module, binaryen }: Ir, offset: number, value: Ref): Ref {
  const tp = module.global.get(TP, binaryen.i32);
  return module.i64.store(offset, 8, tp, module.i64.extend_u(value));
}

function global({ module, binaryen }: Ir, name: string): Ref {
  return module.global.get(name, binaryen.i32);
}

function add(ir: Ir, value: Ref, amount: number): Ref {
  return amount === 0 ? value : binary(ir, 'add', value, ir.module.i32.const(amount));
}

function binary(ir: Ir, op: string, left: Ref, right: Ref): Ref {
  return (ir.module.i32[op] as (a: Ref, b: Ref) => Ref)(left, right);
}
