// What a restartable-sequence ABI is to the kernel: four hooks and its system calls. The kernel
// calls the hooks at the same four places for every ABI and never asks which one it is.

import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import type { SyscallHandler } from '../syscall.js';
import type { Thread } from '../thread.js';

/** What resume work came to. */
export type ResumeOutcome = 'unchanged' | 'redirected' | 'incoherent';

export interface Personality {
  readonly name: string;

  /**
   * The thread loses its CPU. Runs in the scheduler: O(1), a copy of the registers, no way to reach
   * user memory (law R2). True asks for `onResume` before user code runs again.
   */
  onSwitchOut(registers: Readonly<Registers>): boolean;

  /**
   * Before user code runs again, after `onSwitchOut` asked for it, after a migration or after
   * registration. 'incoherent' when user memory cannot be written: the kernel sends SIGSEGV.
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
}
