// rseq as Linux 7.0 has it, in two modes that the length of the area chooses. 32 bytes, legacy: as
// before, for those who count on it. More, optimized: the ids are written when they change, and a
// section is looked at only when the thread was interrupted, not when it made a call.
//
// Ids first, then the section; of a descriptor little is asked, unless the debug option is on.
// Sources: kernel/rseq.c and include/linux/rseq_entry.h with the fixes of May 2026. docs/abi.md.

import { Errno } from '../../abi/errno.js';
import {
  RSEQ_CPU_ID_UNINITIALIZED,
  RSEQ_CS_FLAG_SLICE_EXT_ENABLED,
  RSEQ_FLAG_SLICE_EXT_DEFAULT_ON,
  RSEQ_LEGACY_BYTES,
  RSEQ_V2_ALIGN,
} from '../../abi/linux-rseq.js';
import { Sysno } from '../../abi/syscall.js';
import type { Thread } from '../thread.js';
import { currentIds, type RseqArea } from './linux-area.js';
import {
  type AreaForm,
  areaAt,
  areaOf,
  checkRegistration,
  enrol,
  isUnregistration,
  type Request,
  requestOf,
  unregister,
} from './linux-registration.js';
import {
  abortHasRoom,
  abortIsOutside,
  abortIsUser,
  abortSection,
  endDoesNotWrap,
  endIsUser,
  findSection,
  flagsAreZero,
  fromStart,
  hasNoCalls,
  incoherent,
  isIncoherence,
  leaveSection,
  type SectionRules,
  signatureMatches,
  startIsUser,
  unreadable,
  unwritable,
  versionIsZero,
} from './linux-section.js';
import { type LinuxOptions, LinuxPersonality } from './linux.js';
import type { Incoherence, Personality, ResumeOutcome } from './personality.js';
import type { RseqIds } from './registration.js';
import { DEFAULT_EXTENSION_FUEL, report, SliceExtensions } from './slice-extension.js';

export interface LinuxV2Options extends LinuxOptions {
  /** Fuel of a slice extension, to 50000; 0 turns them off; 5000. */
  readonly sliceExtension?: number;
}

const FORM: AreaForm = { flags: RSEQ_FLAG_SLICE_EXT_DEFAULT_ON, align: RSEQ_V2_ALIGN };

/** What the call itself writes; the CPU follows before it returns. */
const INITIAL_IDS: RseqIds = {
  cpuIdStart: RSEQ_CPU_ID_UNINITIALIZED,
  cpuId: RSEQ_CPU_ID_UNINITIALIZED,
  nodeId: 0,
  mmCid: 0,
};

/** What protects the kernel; what else is wrong with a descriptor hurts its owner alone. */
const RULES: SectionRules = {
  anywhere: [],
  inside: [abortIsUser, abortHasRoom, signatureMatches],
};
const DEBUG_RULES: SectionRules = {
  anywhere: [startIsUser, fromStart(endIsUser), fromStart(endDoesNotWrap)],
  inside: [
    abortIsUser,
    abortHasRoom,
    abortIsOutside,
    versionIsZero,
    flagsAreZero,
    signatureMatches,
  ],
};
const SYSCALL_RULES: SectionRules = {
  anywhere: DEBUG_RULES.anywhere,
  inside: [...DEBUG_RULES.inside, hasNoCalls],
};

export class LinuxV2Personality extends LinuxPersonality {
  override readonly name = 'linux-v2';
  override readonly syscalls: Personality['syscalls'];
  readonly #extensions: SliceExtensions;

  constructor({ sliceExtension = DEFAULT_EXTENSION_FUEL, ...options }: LinuxV2Options) {
    super(options);
    this.#extensions = new SliceExtensions(sliceExtension, this.debug);
    this.syscalls = new Map([
      ...this.#extensions.syscalls,
      [Sysno.Rseq, (thread: Thread, args: Int32Array) => this.#rseq(thread, requestOf(args))],
    ]);
  }

  override onResume(thread: Thread): ResumeOutcome {
    if (thread.incoherence !== undefined) return { message: thread.incoherence };
    const area = areaOf(thread);
    if (area === undefined) return 'unchanged';
    const breach = this.afterBlocking(thread);
    if (breach !== undefined) return breach;
    return isOptimized(thread)
      ? this.#resumeOptimized(thread, area)
      : this.#resumeLegacy(thread, area);
  }

  /** The section only; the ids follow at resume, which a legacy registration asks for. */
  override onSignal(thread: Thread): ResumeOutcome {
    const area = areaOf(thread);
    if (area === undefined) return 'unchanged';
    const breach = this.afterBlocking(thread);
    if (breach !== undefined) return breach;
    if (!isOptimized(thread)) thread.notifyResume = true;
    else if (!wasInterrupted(thread)) return 'unchanged';
    return this.#fixUp(thread, area, this.debug ? DEBUG_RULES : RULES);
  }

  override onSyscallExit(thread: Thread): ResumeOutcome {
    const area = this.debug ? areaOf(thread) : undefined;
    return area === undefined ? 'unchanged' : this.#fixUp(thread, area, SYSCALL_RULES);
  }

  onSyscallEntry(thread: Thread, sysno: number): boolean {
    return this.#extensions.atSyscall(thread, sysno);
  }

  onSliceEnd(thread: Thread): number {
    return this.#extensions.atSliceEnd(thread);
  }

  #resumeLegacy(thread: Thread, area: RseqArea): ResumeOutcome {
    const foreign = this.debug ? foreignWrite(thread, area) : undefined;
    const breach = foreign ?? writeIds(thread, area);
    return breach ?? this.#fixUp(thread, area, this.debug ? DEBUG_RULES : RULES);
  }

  #resumeOptimized(thread: Thread, area: RseqArea): ResumeOutcome {
    const isInterrupted = wasInterrupted(thread);
    const hasMoved = haveIdsChanged(thread);
    if (!isInterrupted && !hasMoved) return 'unchanged';
    const breach = hasMoved ? (foreignWrite(thread, area) ?? writeIds(thread, area)) : undefined;
    if (breach !== undefined) return breach;
    if (!this.#extensions.clear(thread, area)) return unwritable(area);
    if (!isInterrupted) return 'unchanged';
    return this.#fixUp(thread, area, this.debug ? DEBUG_RULES : RULES);
  }

  #fixUp(thread: Thread, area: RseqArea, rules: SectionRules): ResumeOutcome {
    const section = findSection(thread, area, rules, this.loadText);
    if (isIncoherence(section)) return section;
    return section === undefined ? leaveSection(area) : abortSection(thread, area, section);
  }

  #rseq(thread: Thread, request: Request): number {
    if (!isUnregistration(request)) return this.#register(thread, request);
    const result = unregister(thread, request);
    // The area stays registered, and would fail at every resume: the process dies of it.
    if (result === -Errno.EFAULT) report(thread, unwritable(areaAt(thread, request)));
    return result;
  }

  /** Checks as checkRegistration; EFAULT when the area cannot be written. rseq_cs is not read first. */
  #register(thread: Thread, request: Request): number {
    const errno = checkRegistration(thread, request, FORM);
    if (errno !== 0) return -errno;
    const area = areaAt(thread, request);
    const flags = this.#extensions.initialFlags(request);
    const isWritten =
      area.clearSection() &&
      area.storeFlags(flags) &&
      area.storeIds(INITIAL_IDS) &&
      // The last word of a legacy area is its owner's.
      (request.length === RSEQ_LEGACY_BYTES || area.storeSliceControl(0));
    if (!isWritten) return -Errno.EFAULT;
    enrol(thread, request);
    thread.writtenIds = INITIAL_IDS;
    thread.sliceExtension = (flags & RSEQ_CS_FLAG_SLICE_EXT_ENABLED) === 0 ? 'off' : 'on';
    return 0;
  }
}

function isOptimized({ registration }: Thread): boolean {
  return registration !== undefined && registration.length > RSEQ_LEGACY_BYTES;
}

/** True unless a system call brought the thread here; for a handler that has not begun, what it interrupts. */
function wasInterrupted({ suspension, frames }: Thread): boolean {
  const origin = suspension === 'entry' ? frames.at(-1)?.suspension : suspension;
  return origin !== 'syscall';
}

function haveIdsChanged({ writtenIds, cpu, concurrencyId }: Thread): boolean {
  return writtenIds?.cpuId !== cpu || writtenIds.mmCid !== concurrencyId;
}

function writeIds(thread: Thread, area: RseqArea): Incoherence | undefined {
  const ids = currentIds(thread);
  if (!area.storeIds(ids)) return unwritable(area);
  thread.writtenIds = ids;
  return undefined;
}

/** What is wrong when the ids are not what the kernel wrote last. */
function foreignWrite({ writtenIds }: Thread, area: RseqArea): Incoherence | undefined {
  const found = area.loadIds();
  if (found === undefined) return unreadable(area);
  for (const [field, written] of Object.entries(writtenIds ?? found)) {
    const word = found[field as keyof RseqIds];
    if (word !== written)
      return incoherent(area, `${field} is ${word}, and was written ${written}`);
  }
  return undefined;
}
