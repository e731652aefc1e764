// What a restartable-sequence ABI is to the kernel: four hooks and its system calls. The kernel
// calls the hooks at the same four places for every ABI and never asks which one it is. What only
// one ABI of history needs is optional, and says which.

import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import type { SyscallHandler } from '../syscall.js';
import type { Thread } from '../thread.js';

/** User memory is not as the ABI demands: the kernel sends SIGSEGV, with these words. */
export interface Incoherence {
  readonly message: string;
}

/** What resume work came to. */
export type ResumeOutcome = 'unchanged' | 'redirected' | Incoherence;

export interface Personality {
  readonly name: string;

  /**
   * The thread loses its CPU. Runs in the scheduler: O(1), a copy of the registers, no way to reach
   * user memory (law R2). True asks for `onResume` before user code runs again.
   */
  onSwitchOut(registers: Readonly<Registers>): boolean;

  /**
   * Before user code runs again, after `onSwitchOut` asked for it, after a migration, a fence, or
   * after registration. Which of these it was is in `thread.events`.
   */
  onResume(thread: Thread): ResumeOutcome;

  /** A handler is about to be called: fix up the interrupted registers before the frame saves them. */
  onSignal(thread: Thread): ResumeOutcome;

  /** System calls of this ABI, by number. */
  readonly syscalls: ReadonlyMap<number, SyscallHandler>;

  /** `child` is a thread of its parent's process. */
  onClone(parent: Thread, child: Thread): void;
  /** `child` is a new process with a copy of the parent's address space. */
  onFork(parent: Thread, child: Thread): void;
  /** The process loads another program. */
  onExec(process: Process): void;
  onExit(thread: Thread): void;

  /** membarrier has the commands of restartable sequences: linux. */
  readonly hasFence?: boolean;
  /** It reads `events` and `concurrencyId` of threads, which are no state to anybody else: linux. */
  readonly readsEvents?: boolean;
  /**
   * The thread has got a CPU. Runs in the scheduler and reaches user memory: percpu-signal, which
   * breaks law R2 by design. Returns a signal to send to the thread, or 0.
   */
  onSwitchIn?(thread: Thread): number;
  /** A system call begins. True ends the slice with it: linux-v2, for a granted slice extension. */
  onSyscallEntry?(thread: Thread, sysno: number): boolean;
  /** A system call is about to return: linux, with its debug option. */
  onSyscallExit?(thread: Thread): ResumeOutcome;
  /**
   * The slice is spent and nothing else is to be done. Returns fuel for which the thread may go on,
   * or 0: linux-v2, slice extension.
   */
  onSliceEnd?(thread: Thread): number;
}
