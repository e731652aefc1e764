// The ABI of Paul Turner's RFC of 24 June 2015, "restartable sequences: fast user-space percpu
// critical sections": one critical region per process, a cpu pointer per thread, and on preemption
// or signal inside the region ip = restart with the interrupted ip in r10.
//
// The checks, their order and their errnos are those of the code's public successor (Dave Watson's
// follow-up of October 2015); where the RFC and it differ the RFC wins. docs/abi.md, TURNER.
// `GooglePersonality` is the same ABI by the rules of Google's kernel, as gVisor emulates it.

import { Errno } from '../../abi/errno.js';
import { TASK_SIZE } from '../../abi/module.js';
import { RseqOp } from '../../abi/rseq.js';
import { Sysno } from '../../abi/syscall.js';
import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import { contains, hasBegun, type Region, validateRegion } from '../section.js';
import type { Thread } from '../thread.js';
import type { Incoherence, Personality, ResumeOutcome } from './personality.js';

/** Move an interrupted ip to the restart handler. The heart of the ABI; nothing else in it moves an ip. */
function interruptSection(registers: Registers, process: Process): ResumeOutcome {
  const region = process.region;
  if (region === undefined || !contains(region, registers.ip)) return 'unchanged';
  if (!hasBegun(registers.ip)) return 'unchanged';
  registers.r10 = registers.ip;
  registers.ip = region.restart;
  return 'redirected';
}

export class TurnerPersonality implements Personality {
  readonly name: string = 'turner';

  readonly syscalls: Personality['syscalls'] = new Map([
    [
      Sysno.RestartableSequences,
      (thread: Thread, [op = 0, , val1 = 0, val2 = 0, val3 = 0]: Int32Array) => {
        if (op === RseqOp.SetCritical) {
          return this.setCritical(thread, {
            start: val1 >>> 0,
            end: val2 >>> 0,
            restart: val3 >>> 0,
          });
        }
        if (op === RseqOp.SetCpuPointer) return this.setCpuPointer(thread, val1 >>> 0);
        return -Errno.EINVAL;
      },
    ],
  ]);

  /** The notifier of a preemptible kernel: always asks, since ip may not be coherent yet. */
  onSwitchOut(_registers: Readonly<Registers>): boolean {
    return true;
  }

  /** Cpu word first, then ip; a word that cannot be written does not excuse the ip check. */
  onResume(thread: Thread): ResumeOutcome {
    const isWritten = thread.cpuPointer === 0 || writeCpu(thread);
    const outcome = this.onSignal(thread);
    return isWritten ? outcome : unwritable(thread.cpuPointer);
  }

  onSignal(thread: Thread): ResumeOutcome {
    return this.takesPart(thread)
      ? interruptSection(thread.registers, thread.process)
      : 'unchanged';
  }

  /** The region is shared; the cpu pointer is each thread's own to set. */
  onClone(_parent: Thread, child: Thread): void {
    child.cpuPointer = 0;
  }

  /** The region is part of the copied process; the cpu pointer is not inherited. */
  onFork(parent: Thread, child: Thread): void {
    child.process.region = parent.process.region;
    child.cpuPointer = 0;
  }

  onExec(process: Process): void {
    process.region = undefined;
    for (const thread of process.threads.values()) {
      thread.cpuPointer = 0;
      thread.notifyResume = false;
    }
  }

  /** Nothing is written to user memory. What the leader holds for the process stays until that ends. */
  onExit(thread: Thread): void {
    thread.notifyResume = false;
  }

  /** A thread without a cpu pointer takes no part, even inside the region. */
  protected takesPart(thread: Thread): boolean {
    return thread.cpuPointer !== 0;
  }

  /**
   * SET_CRITICAL. Errors, in this order: EINVAL for a range that is empty or not user space; EBUSY
   * when the leader has a cpu pointer already, or a region is set. A restart inside is accepted.
   */
  protected setCritical({ process }: Thread, region: Region): number {
    const errno = validateRegion(region);
    if (errno !== 0) return -errno;
    if (process.leader.cpuPointer !== 0) return -Errno.EBUSY;
    if (process.region !== undefined) return -Errno.EBUSY;
    process.region = region;
    return 0;
  }

  /**
   * SET_CPU_POINTER; 0 disables. Any alignment. Errors: EINVAL for a pointer outside user space, or
   * when the caller is not the leader and the leader has none.
   */
  protected setCpuPointer(thread: Thread, pointer: number): number {
    if (pointer === thread.cpuPointer) return 0;
    if (pointer !== 0) {
      if (pointer > TASK_SIZE - 4) return -Errno.EINVAL;
      const leader = thread.process.leader;
      if (thread !== leader && leader.cpuPointer === 0) return -Errno.EINVAL;
      // The word must hold the CPU number before this call returns to user code.
      thread.notifyResume = true;
    }
    thread.cpuPointer = pointer;
    return 0;
  }
}

/**
 * What gVisor does where Google's kernel and the RFC differ: the last region wins, a restart inside is
 * refused, no thread depends on the leader, and the region counts for threads without a cpu pointer.
 */
export class GooglePersonality extends TurnerPersonality {
  override readonly name = 'google';

  /** A new thread group: nothing is inherited. */
  override onFork(_parent: Thread, child: Thread): void {
    child.process.region = undefined;
    child.cpuPointer = 0;
  }

  protected override takesPart(): boolean {
    return true;
  }

  /** start 0 disables. Errors: EINVAL for a range that is empty, or a restart inside. */
  protected override setCritical({ process }: Thread, region: Region): number {
    if (region.start === 0) {
      process.region = undefined;
      return 0;
    }
    if (region.start >= region.end || contains(region, region.restart)) return -Errno.EINVAL;
    process.region = region;
    return 0;
  }

  /** Written at once. A word that cannot be is EINVAL, not EFAULT, and the thread has none then. */
  protected override setCpuPointer(thread: Thread, pointer: number): number {
    thread.cpuPointer = pointer;
    if (pointer === 0 || writeCpu(thread)) return 0;
    thread.cpuPointer = 0;
    return -Errno.EINVAL;
  }
}

function writeCpu({ process, cpuPointer, cpu }: Thread): boolean {
  return process.memory.storeI32(cpuPointer, cpu);
}

function unwritable(pointer: number): Incoherence {
  return { message: `cpu pointer 0x${pointer.toString(16)} cannot be written` };
}
