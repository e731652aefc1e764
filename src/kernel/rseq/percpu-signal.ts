// Mathieu Desnoyers' percpu system call of May 2015, the alternative to the RFC that never moves an
// ip: a thread counts in its area the sections it is in, and when it gets a CPU while that is not 0
// the kernel sends it a signal. The handler finds out what to do over.
//
// The kernel does that in the scheduler, with user memory: this ABI breaks law R2 by design, and is
// kept to show what the law is worth. docs/abi.md, PERCPU-SIGNAL.

import { Errno } from '../../abi/errno.js';
import { TASK_SIZE } from '../../abi/module.js';
import {
  PERCPU_AREA_BYTES,
  PERCPU_CURRENT_CPU,
  PERCPU_NESTING,
  PERCPU_SIGNAL_SENT,
  PERCPU_SIGNO,
} from '../../abi/percpu-signal.js';
import { Sysno } from '../../abi/syscall.js';
import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import { isSignal } from '../signal.js';
import type { Thread } from '../thread.js';
import type { Personality, ResumeOutcome } from './personality.js';

const ALIGN = 4;

export class PercpuSignalPersonality implements Personality {
  readonly name = 'percpu-signal';

  readonly syscalls: Personality['syscalls'] = new Map([
    [
      Sysno.RestartableSequences,
      (thread: Thread, [area = 0, flags = 0]: Int32Array) => percpu(thread, area >>> 0, flags),
    ],
  ]);

  onSwitchOut(_registers: Readonly<Registers>): boolean {
    return false;
  }

  /**
   * One signal for each time the thread has cleared signal_sent. Faults are skipped without a word, as
   * there is nobody in the scheduler to tell.
   */
  onSwitchIn(thread: Thread): number {
    if (thread.area === 0) return 0;
    const { memory } = thread.process;
    const bytes = memory.copyIn(thread.area, PERCPU_AREA_BYTES);
    if (bytes === undefined) return 0;
    const words = new DataView(bytes.buffer, bytes.byteOffset);
    const isDue = isSignalDue(words);
    if (isDue) memory.storeI32(thread.area + PERCPU_SIGNAL_SENT, 1);
    memory.storeI32(thread.area + PERCPU_CURRENT_CPU, thread.cpu);
    return isDue ? words.getInt32(PERCPU_SIGNO, true) : 0;
  }

  onResume(_thread: Thread): ResumeOutcome {
    return 'unchanged';
  }

  /** Nesting is a counter: what a handler interrupts is still counted when it has sections of its own. */
  onSignal(_thread: Thread): ResumeOutcome {
    return 'unchanged';
  }

  onClone(_parent: Thread, child: Thread): void {
    child.area = 0;
  }

  /** The copied address space has the area. */
  onFork(parent: Thread, child: Thread): void {
    child.area = parent.area;
  }

  onExec(process: Process): void {
    for (const thread of process.threads.values()) thread.area = 0;
  }

  onExit(_thread: Thread): void {}
}

/** In a section, with a signal that can be sent, and none sent since the thread last cleared that. */
function isSignalDue(words: DataView): boolean {
  return (
    words.getInt32(PERCPU_NESTING, true) !== 0 &&
    words.getInt32(PERCPU_SIGNAL_SENT, true) === 0 &&
    isSignal(words.getInt32(PERCPU_SIGNO, true))
  );
}

/**
 * percpu(area, flags). NULL unregisters, another area replaces the one there is. Errors, in this
 * order: EINVAL flags; EINVAL misaligned; EFAULT not user space, or it cannot be written: then
 * nothing has changed.
 */
function percpu(thread: Thread, area: number, flags: number): number {
  if (flags !== 0) return -Errno.EINVAL;
  if (area !== 0) {
    if (area % ALIGN !== 0) return -Errno.EINVAL;
    if (area > TASK_SIZE - PERCPU_AREA_BYTES) return -Errno.EFAULT;
    const { memory } = thread.process;
    if (!memory.storeI32(area + PERCPU_CURRENT_CPU, thread.cpu)) return -Errno.EFAULT;
  }
  thread.area = area;
  return 0;
}
