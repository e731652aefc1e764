// The three sections of tests/native/section.h, as guests over the same code: the addresses are those
// that an assembler gives their instructions.
//
// N.B. The descriptor is stored by the last instruction before start: a thread that is interrupted
// behind that store is inside already.

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
} from '../../src/abi/linux-rseq.js';
import type { Text } from './generator-machine.js';
import { type Guest, point, Redirected } from './guest.js';
import type { PagedMemory } from './paged-memory.js';

/** In front of one abort label. */
export const OTHER_SIGNATURE = 0x12345678;

/** Behind the instruction of the C library's syscall(), and of its return from a handler. */
export const LIBC_CALL = 0x1100;
const LIBC_SIGNAL_RETURN = 0x1200;
/** Where the program waits. */
export const WAITING = 0x1300;

/** Labels. Each abort label has a word before it. */
export const SPIN_ABORT_BEFORE = 0x2004;
const SPIN = 0x200a;
export const SPIN_START = SPIN + 6;
const SPIN_LOOP = SPIN_START + 6;
const SPIN_COMMIT = SPIN_LOOP + 6;
export const SPIN_END = SPIN_COMMIT + 7;
export const SPIN_ABORT = SPIN_END + 3 + 4;
export const SPIN_ABORT_UNSIGNED = SPIN_ABORT + 10 + 4;
export const SPIN_ABORT_OTHER = SPIN_ABORT_UNSIGNED + 6 + 4;

const STAY = SPIN_ABORT_OTHER + 6;
export const STAY_START = STAY + 9;
/** Within the instruction in front of it, where no ip can be. */
export const STAY_BEFORE = STAY_START - 1;
export const STAY_END = STAY_START + 3;
export const STAY_ABORT = STAY_END + 3 + 4;

const CALL_INSIDE = STAY_ABORT + 6;
export const CALL_START = CALL_INSIDE + 27;
/** Where the call returns to: the instruction that stores its result. */
export const CALL_RETURN = CALL_START + 2;
export const CALL_END = CALL_RETURN + 4;
export const CALL_ABORT = CALL_END + 3 + 4;
const CODE_END = CALL_ABORT + 6;

/** First and last address of each function with sections, and its abort labels. */
const FUNCTIONS = [
  {
    first: SPIN,
    last: SPIN_END,
    aborts: [SPIN_ABORT_BEFORE, SPIN_ABORT, SPIN_ABORT_UNSIGNED, SPIN_ABORT_OTHER],
  },
  { first: STAY, last: STAY_END, aborts: [STAY_ABORT] },
  { first: CALL_INSIDE, last: CALL_END, aborts: [CALL_ABORT] },
];

export const TEXT: Text = {
  words: new Map([
    [SPIN_ABORT_BEFORE - 4, RSEQ_SIG],
    [SPIN_ABORT - 4, RSEQ_SIG],
    [SPIN_ABORT_UNSIGNED - 4, 0],
    [SPIN_ABORT_OTHER - 4, OTHER_SIGNATURE],
    [STAY_ABORT - 4, RSEQ_SIG],
    [CALL_ABORT - 4, RSEQ_SIG],
  ]),
  end: CODE_END,
  signalReturn: LIBC_SIGNAL_RETURN,
  hasLabel: (from, to) =>
    FUNCTIONS.some(
      ({ first, last, aborts }) => from >= first && from <= last && aborts.includes(to),
    ),
};

/** struct rseq at an address. */
export class Area {
  constructor(
    readonly memory: PagedMemory,
    readonly address: number,
  ) {}

  get cpuIdStart(): number {
    return this.memory.read32(this.address + RSEQ_CPU_ID_START);
  }
  set cpuIdStart(cpu: number) {
    this.memory.write32(this.address + RSEQ_CPU_ID_START, cpu);
  }

  get cpuId(): number {
    return this.memory.read32(this.address + RSEQ_CPU_ID);
  }
  set cpuId(cpu: number) {
    this.memory.write32(this.address + RSEQ_CPU_ID, cpu);
  }

  get rseqCs(): bigint {
    return this.memory.read64(this.address + RSEQ_RSEQ_CS);
  }
  set rseqCs(pointer: bigint) {
    this.memory.write64(this.address + RSEQ_RSEQ_CS, pointer);
  }

  get flags(): number {
    return this.memory.read32(this.address + RSEQ_FLAGS);
  }
  set flags(flags: number) {
    this.memory.write32(this.address + RSEQ_FLAGS, flags);
  }

  get nodeId(): number {
    return this.memory.read32(this.address + RSEQ_NODE_ID);
  }
  set nodeId(node: number) {
    this.memory.write32(this.address + RSEQ_NODE_ID, node);
  }

  get mmCid(): number {
    return this.memory.read32(this.address + RSEQ_MM_CID);
  }
  set mmCid(id: number) {
    this.memory.write32(this.address + RSEQ_MM_CID, id);
  }

  /** Of no meaning in this version. */
  get reserved(): number {
    return this.memory.read32(this.address + RSEQ_SLICE_REQUEST);
  }
  set reserved(word: number) {
    this.memory.write32(this.address + RSEQ_SLICE_REQUEST, word);
  }
}

/** struct rseq_cs at an address. */
export class Descriptor {
  constructor(
    readonly memory: PagedMemory,
    readonly address: number,
  ) {}

  describe(start: number, end: number, abort: number): void {
    this.version = 0;
    this.flags = 0;
    this.start = BigInt(start);
    this.length = BigInt(end - start);
    this.abort = BigInt(abort);
  }

  set version(version: number) {
    this.memory.write32(this.address + RSEQ_CS_VERSION, version);
  }

  set flags(flags: number) {
    this.memory.write32(this.address + RSEQ_CS_FLAGS, flags);
  }

  get start(): bigint {
    return this.memory.read64(this.address + RSEQ_CS_START);
  }
  set start(start: bigint) {
    this.memory.write64(this.address + RSEQ_CS_START, start);
  }

  get length(): bigint {
    return this.memory.read64(this.address + RSEQ_CS_LENGTH);
  }
  set length(length: bigint) {
    this.memory.write64(this.address + RSEQ_CS_LENGTH, length);
  }

  get abort(): bigint {
    return this.memory.read64(this.address + RSEQ_CS_ABORT);
  }
  set abort(abort: bigint) {
    this.memory.write64(this.address + RSEQ_CS_ABORT, abort);
  }
}

export type SectionOutcome = 'committed' | 'aborted';

/** Memory of spin and stay, shared by the thread inside and the one that disturbs it. */
export class Words {
  entered = false;
  /** Let spin commit. */
  release = false;
  /** The commit store of spin. */
  committed = 0;
  /** Where stay jumps. */
  target = STAY_START;
  /** r10 behind an abort of spin. */
  r10 = 0;

  constructor(readonly address: number) {}
}

export type Section = (area: Area, pointer: bigint, words: Words) => Guest<SectionOutcome>;

/** entered; wait for release; commit. */
export function* spin(area: Area, pointer: bigint, words: Words): Guest<SectionOutcome> {
  yield { kind: 'set-r10', value: words.address };
  yield point(SPIN);
  area.rseqCs = pointer;
  try {
    yield point(SPIN_START);
    words.entered = true;
    do yield point(SPIN_LOOP);
    while (!words.release);
    yield point(SPIN_COMMIT);
    words.committed = 1;
    yield point(SPIN_END);
    return 'committed';
  } catch (error) {
    const label = labelOf(error);
    yield point(label);
    if (label === SPIN_ABORT) words.r10 = yield { kind: 'get-r10' };
    return 'aborted';
  }
}

/** One instruction that jumps to itself until somebody changes its target. */
export function* stay(area: Area, pointer: bigint, words: Words): Guest<SectionOutcome> {
  yield point(STAY);
  words.entered = true;
  area.rseqCs = pointer;
  try {
    do yield point(STAY_START);
    while (words.target === STAY_START);
    yield point(STAY_END);
    return 'committed';
  } catch (error) {
    yield point(labelOf(error));
    return 'aborted';
  }
}

/** Memory of callInside. */
export interface CallWords {
  readonly sysno: number;
  readonly args: readonly number[];
  /** The commit store. */
  result: number | undefined;
}

/** A system call; commit its result. */
export function* callInside(area: Area, pointer: bigint, words: CallWords): Guest<SectionOutcome> {
  yield point(CALL_INSIDE);
  area.rseqCs = pointer;
  try {
    yield point(CALL_START);
    const { sysno, args } = words;
    const result = yield { kind: 'syscall', ip: CALL_RETURN, sysno, args };
    yield point(CALL_RETURN);
    words.result = result;
    yield point(CALL_END);
    return 'committed';
  } catch (error) {
    yield point(labelOf(error));
    return 'aborted';
  }
}

/** Where the kernel wants a section to go on; any other error is not its business. */
function labelOf(error: unknown): number {
  if (error instanceof Redirected) return error.to;
  throw error;
}
