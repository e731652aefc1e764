// The ABI between the RFC of June 2015 and the one that Linux took (Turner's v2 of October, in the
// exact form of its last version, 2016): no region is registered. A thread's area counts the events
// that came over it; a section begins with the count in dx and an address in cx, and says in the area
// where it ends. A section that an event has come over goes on at that address.
//
// There is no start, and nothing outside a section that the kernel could tell from inside: what counts
// is an end that is set and not reached. docs/abi.md, EVENT-COUNTER.

import { Errno } from '../../abi/errno.js';
import {
  EVENT_AREA_ALIGN,
  EVENT_AREA_BYTES,
  EVENT_COUNTER,
  EVENT_CPU_ID,
  EVENT_POST_COMMIT_IP,
} from '../../abi/event-counter.js';
import { TASK_SIZE } from '../../abi/module.js';
import { Sysno } from '../../abi/syscall.js';
import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import { hasBegun } from '../section.js';
import type { Thread } from '../thread.js';
import type { Incoherence, Personality, ResumeOutcome } from './personality.js';
import { clearU64, loadU64 } from './u64.js';

export class EventCounterPersonality implements Personality {
  readonly name = 'event-counter';
  readonly #counts: number;

  /** counts: how many different counts there are. A section is only told one event from none. */
  constructor(counts: number = 2 ** 32) {
    this.#counts = counts;
  }

  readonly syscalls: Personality['syscalls'] = new Map([
    [
      Sysno.RestartableSequences,
      (thread: Thread, [area = 0, flags = 0]: Int32Array) => register(thread, area >>> 0, flags),
    ],
  ]);

  /** Always asks: whether the thread is registered does not show in its registers. */
  onSwitchOut(_registers: Readonly<Registers>): boolean {
    return true;
  }

  /** CPU, then count, then ip. */
  onResume(thread: Thread): ResumeOutcome {
    const { area } = thread;
    if (area === 0) return 'unchanged';
    const { memory } = thread.process;
    if (!memory.storeI32(area + EVENT_CPU_ID, thread.cpu)) return fault(area);
    thread.eventCounter = (thread.eventCounter + 1) % this.#counts;
    if (!memory.storeI32(area + EVENT_COUNTER, thread.eventCounter)) return fault(area);
    return abortSection(thread);
  }

  onSignal(thread: Thread): ResumeOutcome {
    return this.onResume(thread);
  }

  onClone(_parent: Thread, child: Thread): void {
    forget(child);
  }

  /** The copied address space has the area. */
  onFork(parent: Thread, child: Thread): void {
    child.area = parent.area;
    child.eventCounter = parent.eventCounter;
  }

  onExec(process: Process): void {
    for (const thread of process.threads.values()) {
      forget(thread);
      thread.notifyResume = false;
    }
  }

  onExit(thread: Thread): void {
    thread.notifyResume = false;
  }
}

/** An end that is set and not reached, and a count that is not the section's: to the address in cx. */
function abortSection(thread: Thread): ResumeOutcome {
  const { registers, area } = thread;
  const { memory } = thread.process;
  const postCommitIp = loadU64(memory, area + EVENT_POST_COMMIT_IP);
  if (postCommitIp === undefined) return fault(area);
  const ip = registers.ip >>> 0;
  if (!hasBegun(ip) || ip >= postCommitIp) return 'unchanged';
  if (registers.dx >>> 0 === thread.eventCounter) return 'unchanged';
  // Cleared first: a fault leaves the ip as it was.
  if (!clearU64(memory, area + EVENT_POST_COMMIT_IP)) return fault(area);
  registers.ip = registers.cx >>> 0;
  return 'redirected';
}

/**
 * rseq(area, flags); there is no way back. A NULL area asks whether one is registered: 0, or ENOENT.
 * Errors, in this order: EINVAL flags; registered already: 0 the same, EBUSY another; EINVAL
 * misaligned; EFAULT not user space.
 */
function register(thread: Thread, area: number, flags: number): number {
  if (flags !== 0) return -Errno.EINVAL;
  if (area === 0) return thread.area === 0 ? -Errno.ENOENT : 0;
  if (thread.area !== 0) return thread.area === area ? 0 : -Errno.EBUSY;
  if (area % EVENT_AREA_ALIGN !== 0) return -Errno.EINVAL;
  if (area > TASK_SIZE - EVENT_AREA_BYTES) return -Errno.EFAULT;
  thread.area = area;
  // CPU and count must be there before this call returns to user code.
  thread.notifyResume = true;
  return 0;
}

function forget(thread: Thread): void {
  thread.area = 0;
  thread.eventCounter = 0;
}

function fault(area: number): Incoherence {
  return { message: `event counter area 0x${area.toString(16)} cannot be accessed` };
}
