// rseq as Linux 6.1 to 6.18 have it: an area per thread names the descriptor of the section it is
// about to enter, and after preemption, migration or a signal inside the section ip = its abort label.
//
// The descriptor is validated whenever the thread comes back, inside the section or not; the ip is
// moved first, then the ids are written, every time: tcmalloc counts on that. docs/abi.md, LINUX.

import { Errno } from '../../abi/errno.js';
import { RSEQ_LEGACY_BYTES } from '../../abi/linux-rseq.js';
import { Sysno } from '../../abi/syscall.js';
import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import type { Thread } from '../thread.js';
import { currentIds, type RseqArea } from './linux-area.js';
import {
  type AreaForm,
  areaAt,
  areaOf,
  checkRegistration,
  enrol,
  forget,
  forgetAll,
  inherit,
  isUnregistration,
  type Request,
  requestOf,
  unregister,
} from './linux-registration.js';
import {
  abortIsOutside,
  abortIsUser,
  abortSection,
  endDoesNotWrap,
  endIsUser,
  findSection,
  flagsAreZero,
  hasNoCalls,
  hex,
  incoherent,
  isIncoherence,
  leaveSection,
  type LoadText,
  type SectionRules,
  signatureMatches,
  startIsUser,
  unreadable,
  unwritable,
  versionIsZero,
} from './linux-section.js';
import type { Incoherence, Personality, ResumeOutcome } from './personality.js';

export interface LinuxOptions {
  readonly loadText: LoadText;
  /** CONFIG_DEBUG_RSEQ: a system call inside a section kills. */
  readonly debug?: boolean;
}

const FORM: AreaForm = { flags: 0, align: RSEQ_LEGACY_BYTES };

const RULES: SectionRules = {
  anywhere: [
    startIsUser,
    endIsUser,
    abortIsUser,
    versionIsZero,
    endDoesNotWrap,
    abortIsOutside,
    signatureMatches,
  ],
  inside: [flagsAreZero],
};
const SYSCALL_RULES: SectionRules = { anywhere: RULES.anywhere, inside: [hasNoCalls] };

export class LinuxPersonality implements Personality {
  readonly name: string = 'linux';
  readonly hasFence = true;
  readonly readsEvents = true;

  readonly syscalls: Personality['syscalls'] = new Map([
    [
      Sysno.Rseq,
      (thread: Thread, args: Int32Array) => {
        const request = requestOf(args);
        return isUnregistration(request) ? unregister(thread, request) : register(thread, request);
      },
    ],
  ]);

  protected readonly loadText: LoadText;
  protected readonly debug: boolean;

  constructor({ loadText, debug = false }: LinuxOptions) {
    this.loadText = loadText;
    this.debug = debug;
  }

  /** Always asks: whether the thread is registered does not show in its registers. */
  onSwitchOut(_registers: Readonly<Registers>): boolean {
    return true;
  }

  onResume(thread: Thread): ResumeOutcome {
    const area = areaOf(thread);
    if (area === undefined) return 'unchanged';
    const breach = this.afterBlocking(thread);
    if (breach !== undefined) return breach;
    const outcome = this.#fixUp(thread, area);
    if (isIncoherence(outcome)) return outcome;
    return area.storeIds(currentIds(thread)) ? outcome : unwritable(area);
  }

  /** The same as at resume; that a signal is the reason is in the thread's events. */
  onSignal(thread: Thread): ResumeOutcome {
    return this.onResume(thread);
  }

  onSyscallExit(thread: Thread): ResumeOutcome {
    const area = this.debug ? areaOf(thread) : undefined;
    if (area === undefined) return 'unchanged';
    const section = findSection(thread, area, SYSCALL_RULES, this.loadText);
    return isIncoherence(section) ? section : 'unchanged';
  }

  onClone(_parent: Thread, child: Thread): void {
    forget(child);
  }

  onFork(parent: Thread, child: Thread): void {
    inherit(parent, child);
  }

  onExec(process: Process): void {
    forgetAll(process);
  }

  onExit(thread: Thread): void {
    thread.notifyResume = false;
  }

  /** A call that blocked returns only now, and no hook was told. */
  protected afterBlocking(thread: Thread): Incoherence | undefined {
    const outcome = thread.suspension === 'syscall' ? this.onSyscallExit(thread) : undefined;
    return isIncoherence(outcome) ? outcome : undefined;
  }

  /**
   * Inside a section without an event, nothing is done and rseq_cs stays. Events are taken nowhere
   * else: one that found the thread outside is still pending when it is inside.
   */
  #fixUp(thread: Thread, area: RseqArea): ResumeOutcome {
    const section = findSection(thread, area, RULES, this.loadText);
    if (isIncoherence(section)) return section;
    if (section === undefined) return leaveSection(area);
    const breach = flagsBreach(area);
    if (breach !== undefined) return breach;
    if (thread.events === 0) return 'unchanged';
    thread.events = 0;
    return abortSection(thread, area, section);
  }
}

/** Any bit of the area's own flags kills, known or not; those known once chose events to survive. */
function flagsBreach(area: RseqArea): Incoherence | undefined {
  const flags = area.loadFlags();
  if (flags === undefined) return unreadable(area);
  return flags === 0 ? undefined : incoherent(area, `flags ${hex(flags)} are not 0 in a section`);
}

/** Checks as checkRegistration; EFAULT when rseq_cs, which a former user may have left set, is none. */
function register(thread: Thread, request: Request): number {
  const errno = checkRegistration(thread, request, FORM);
  if (errno !== 0) return -errno;
  const area = areaAt(thread, request);
  const pointer = area.loadSection();
  if (pointer === undefined) return -Errno.EFAULT;
  if (pointer !== 0n && !area.clearSection()) return -Errno.EFAULT;
  enrol(thread, request);
  return 0;
}
