// rseq(area, length, flags, signature): the checks of registering and unregistering, in the order of
// kernel/rseq.c, and what clone, fork, exec and exit make of a registration.

import { Errno } from '../../abi/errno.js';
import { RSEQ_FLAG_UNREGISTER, RSEQ_LEGACY_BYTES } from '../../abi/linux-rseq.js';
import { TASK_SIZE } from '../../abi/module.js';
import type { Process } from '../process.js';
import type { Thread } from '../thread.js';
import { RseqArea, UNREGISTERED_IDS } from './linux-area.js';
import type { Registration } from './registration.js';

export interface Request extends Registration {
  readonly flags: number;
}

/** What a kernel accepts as a registration. */
export interface AreaForm {
  /** Flags that may be set. */
  readonly flags: number;
  /** Alignment of an area that is longer than 32 bytes. */
  readonly align: number;
}

export function requestOf([area = 0, length = 0, flags = 0, signature = 0]: Int32Array): Request {
  return { area: area >>> 0, length: length >>> 0, flags, signature: signature >>> 0 };
}

export function isUnregistration(request: Request): boolean {
  return (request.flags & RSEQ_FLAG_UNREGISTER) !== 0;
}

/** The thread's area, while it is registered. */
export function areaOf(thread: Thread): RseqArea | undefined {
  return thread.registration && areaAt(thread, thread.registration);
}

export function areaAt(thread: Thread, { area }: Registration): RseqArea {
  return new RseqArea(thread.process.memory, area);
}

/**
 * Errors, in this order: EINVAL a flag that may not be set; registered already: EINVAL another area or
 * length, EPERM another signature, EBUSY the same; EINVAL length or alignment; EFAULT not user space.
 */
export function checkRegistration(thread: Thread, request: Request, form: AreaForm): Errno | 0 {
  if ((request.flags & ~form.flags) !== 0) return Errno.EINVAL;
  if (thread.registration !== undefined) {
    return mismatch(thread.registration, request) || Errno.EBUSY;
  }
  if (!hasForm(request, form)) return Errno.EINVAL;
  // NULL is user space to Linux, but nothing is mapped there.
  if (request.area === 0 || request.area + request.length > TASK_SIZE) return Errno.EFAULT;
  return 0;
}

/**
 * The area is left as one that was never registered, but for rseq_cs and flags, which stay. Errors, in
 * this order: EINVAL flags other than the one; EINVAL none registered, or another area, or length;
 * EPERM another signature; EFAULT, and it stays registered.
 */
export function unregister(thread: Thread, request: Request): number {
  if (request.flags !== RSEQ_FLAG_UNREGISTER) return -Errno.EINVAL;
  const { registration } = thread;
  if (registration === undefined) return -Errno.EINVAL;
  const errno = mismatch(registration, request);
  if (errno !== 0) return -errno;
  if (!areaAt(thread, registration).storeIds(UNREGISTERED_IDS)) return -Errno.EFAULT;
  forget(thread);
  return 0;
}

/** From now on the area is the thread's; it holds the CPU before the call returns. */
export function enrol(thread: Thread, { area, length, signature }: Request): void {
  thread.registration = { area, length, signature };
  thread.notifyResume = true;
}

/** fork: the copied address space has the area, and what has happened to the parent is pending here. */
export function inherit(parent: Thread, child: Thread): void {
  child.registration = parent.registration;
  child.writtenIds = parent.writtenIds;
  child.sliceExtension = parent.sliceExtension;
  child.events = parent.events;
}

/** clone, and unregistration. */
export function forget(thread: Thread): void {
  thread.registration = undefined;
  thread.writtenIds = undefined;
  thread.sliceExtension = 'off';
}

export function forgetAll(process: Process): void {
  for (const thread of process.threads.values()) {
    forget(thread);
    thread.incoherence = undefined;
    thread.events = 0;
    thread.notifyResume = false;
  }
}

function mismatch(registration: Registration, { area, length, signature }: Request): Errno | 0 {
  if (registration.area !== area || registration.length !== length) return Errno.EINVAL;
  return registration.signature === signature ? 0 : Errno.EPERM;
}

/** 32 bytes, or more: then it holds the 28 that 6.18 knows, and the 33 of 7.0. */
function hasForm({ area, length }: Request, { align }: AreaForm): boolean {
  if (length === RSEQ_LEGACY_BYTES) return area % RSEQ_LEGACY_BYTES === 0;
  return length > RSEQ_LEGACY_BYTES && area % align === 0;
}
