// sched_setaffinity, sched_getaffinity, getcpu.

import { Errno } from '../abi/errno.js';
import { CpuSet, MAX_CPUS } from './cpu-set.js';
import type { Cpu } from './cpu.js';
import type { Thread } from './thread.js';

const NO_BYTES = new Uint8Array();

/** What these calls need of the kernel. */
export interface Placement {
  readonly cpus: readonly Cpu[];
  /** The CPUs that can run threads now. */
  readonly onlineCpus: CpuSet;
  /** The thread may no longer be where it is. */
  moveToAllowedCpu(thread: Thread): void;
}

/**
 * sched_setaffinity(tid, length, mask); tid 0 is the caller. On return the thread is on a CPU of the
 * mask. Errors, in this order: EFAULT; ESRCH no such thread; EINVAL when no CPU of it is online.
 */
export function setAffinity(
  placement: Placement,
  caller: Thread,
  tid: number,
  length: number,
  mask: number,
): number {
  const { memory } = caller.process;
  // To read nothing faults nowhere.
  const bytes = length === 0 ? NO_BYTES : memory.copyIn(mask, Math.min(length, MAX_CPUS / 8));
  if (bytes === undefined) return -Errno.EFAULT;
  const thread = findThread(caller, tid);
  if (thread === undefined) return -Errno.ESRCH;
  const set = CpuSet.fromBytes(bytes).intersect(CpuSet.firstCpus(placement.cpus.length));
  if (set.intersect(placement.onlineCpus).isEmpty()) return -Errno.EINVAL;
  thread.affinity = set;
  if (!set.has(thread.cpu)) placement.moveToAllowedCpu(thread);
  return 0;
}

/**
 * sched_getaffinity(tid, length, mask) -> bytes written. Errors: EINVAL when length cannot hold a
 * bit for every CPU or is no multiple of 4, a word; ESRCH; EFAULT.
 */
export function getAffinity(
  placement: Placement,
  caller: Thread,
  tid: number,
  length: number,
  mask: number,
): number {
  if (length * 8 < placement.cpus.length || length % 4 !== 0) return -Errno.EINVAL;
  const thread = findThread(caller, tid);
  if (thread === undefined) return -Errno.ESRCH;
  const written = Math.min(length, MAX_CPUS / 8);
  const bytes = thread.affinity.intersect(placement.onlineCpus).toBytes(written);
  const isWritten = caller.process.memory.copyOut(mask, bytes);
  return isWritten ? written : -Errno.EFAULT;
}

/** getcpu(cpu, node): either address may be 0. There is one node. Errors: EFAULT. */
export function getCpu(caller: Thread, cpu: number, node: number): number {
  const memory = caller.process.memory;
  if (cpu !== 0 && !memory.storeI32(cpu, caller.cpu)) return -Errno.EFAULT;
  if (node !== 0 && !memory.storeI32(node, 0)) return -Errno.EFAULT;
  return 0;
}

function findThread(caller: Thread, tid: number): Thread | undefined {
  const thread = tid === 0 ? caller : caller.process.threads.get(tid);
  return thread === undefined || thread.state === 'dead' ? undefined : thread;
}
