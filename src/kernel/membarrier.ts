// membarrier. The memory of an emulated process is sequentially consistent, so a barrier has nothing
// to do; what is left are its rules, and the fence of restartable sequences, which restarts the
// sections that other CPUs are in.

import { Errno } from '../abi/errno.js';
import { MEMBARRIER_FLAG_CPU, MembarrierCommand } from '../abi/membarrier.js';
import type { CpuSet } from './cpu-set.js';
import type { Process } from './process.js';
import type { Thread } from './thread.js';

/** What this call needs of the kernel. */
export interface Fencing {
  readonly onlineCpus: CpuSet;
  /** Threads that have not exited. */
  readonly aliveCount: number;
  /** The personality has the commands of restartable sequences. */
  readonly hasFence: boolean;
  /** Every thread that has a CPU but the caller, or the one that has `cpu`, counts as preempted. */
  fence(caller: Thread, cpu: number | undefined): void;
}

const RSEQ_COMMANDS =
  MembarrierCommand.PrivateExpeditedRseq | MembarrierCommand.RegisterPrivateExpeditedRseq;
const ALL_COMMANDS = 2 * MembarrierCommand.GetRegistrations - 1;
const PRIVATE_REGISTRATIONS =
  MembarrierCommand.RegisterPrivateExpedited |
  MembarrierCommand.RegisterPrivateExpeditedSyncCore |
  MembarrierCommand.RegisterPrivateExpeditedRseq;

/**
 * membarrier. Errors, in this order: EINVAL flags that the command does not take; EINVAL no such
 * command; EPERM the command has not been registered for.
 */
export function membarrier(
  kernel: Fencing,
  thread: Thread,
  command: number,
  flags: number,
  cpu: number,
): number {
  const { process } = thread;
  const takesCpu = command === MembarrierCommand.PrivateExpeditedRseq;
  if (flags !== 0 && !(takesCpu && flags === MEMBARRIER_FLAG_CPU)) return -Errno.EINVAL;
  const commands = kernel.hasFence ? ALL_COMMANDS : ALL_COMMANDS & ~RSEQ_COMMANDS;
  if (command === MembarrierCommand.Query) return commands;
  if ((command & commands) !== command) return -Errno.EINVAL;
  switch (command) {
    case MembarrierCommand.Global:
    case MembarrierCommand.GlobalExpedited:
      return 0;
    case MembarrierCommand.PrivateExpedited:
      return barrier(process, MembarrierCommand.RegisterPrivateExpedited);
    case MembarrierCommand.PrivateExpeditedSyncCore:
      return barrier(process, MembarrierCommand.RegisterPrivateExpeditedSyncCore);
    case MembarrierCommand.PrivateExpeditedRseq:
      return fence(kernel, thread, flags === 0 ? -1 : cpu);
    case MembarrierCommand.RegisterGlobalExpedited:
    case MembarrierCommand.RegisterPrivateExpedited:
    case MembarrierCommand.RegisterPrivateExpeditedSyncCore:
    case MembarrierCommand.RegisterPrivateExpeditedRseq:
      process.membarrierRegistrations |= command;
      return 0;
    case MembarrierCommand.GetRegistrations:
      return registrations(process);
    default:
      return -Errno.EINVAL;
  }
}

function isRegistered(process: Process, registration: MembarrierCommand): boolean {
  return (process.membarrierRegistrations & registration) !== 0;
}

function barrier(process: Process, registration: MembarrierCommand): number {
  return isRegistered(process, registration) ? 0 : -Errno.EPERM;
}

/** A negative CPU stands for all but the caller's; one that there is not, or that is idle, for none. */
function fence(kernel: Fencing, caller: Thread, cpu: number): number {
  const registration = MembarrierCommand.RegisterPrivateExpeditedRseq;
  if (!isRegistered(caller.process, registration)) return -Errno.EPERM;
  // As in Linux: alone the caller has nobody to fence, and that goes for its own section too.
  if (kernel.aliveCount === 1 || kernel.onlineCpus.size === 1) return 0;
  kernel.fence(caller, cpu < 0 ? undefined : cpu);
  return 0;
}

/** Linux sets the bit of the plain barrier with any of the private ones, though it grants it not. */
function registrations({ membarrierRegistrations: given }: Process): number {
  const isPrivate = (given & PRIVATE_REGISTRATIONS) !== 0;
  return isPrivate ? given | MembarrierCommand.RegisterPrivateExpedited : given;
}
