// What a process has of another: the rules of fork and exec. No system call of this kernel makes a
// second address space or loads another program; a host that does, by whatever means, applies these.

import { SIG_IGN } from '../abi/signal.js';
import type { Process } from './process.js';
import type { Personality } from './rseq/personality.js';
import { DEFAULT_ACTION } from './signal-frame.js';
import type { Thread } from './thread.js';

/**
 * fork: `child`, the one thread of a new process with a copy of its parent's memory, has what the
 * caller has and its process. Pending signals are not inherited.
 */
export function inheritByFork(personality: Personality, parent: Thread, child: Thread): void {
  const { signalActions, membarrierRegistrations, percpuArea } = parent.process;
  child.process.signalActions.splice(0, signalActions.length, ...signalActions);
  child.process.membarrierRegistrations = membarrierRegistrations;
  child.process.percpuArea = percpuArea;
  child.signalMask = parent.signalMask;
  child.affinity = parent.affinity.clone();
  child.registers.gs = child.process.percpuBase(child.cpu);
  personality.onFork(parent, child);
}

/**
 * exec, once it cannot fail any more: what the old program registered is gone. Handlers are the
 * default again; what was ignored, masks, pending signals and affinity stay.
 */
export function resetByExec(personality: Personality, process: Process): void {
  process.signalActions.forEach((action, signo) => {
    if (action.handler !== SIG_IGN) process.signalActions[signo] = DEFAULT_ACTION;
  });
  process.membarrierRegistrations = 0;
  process.percpuArea = undefined;
  for (const thread of process.threads.values()) thread.registers.gs = 0;
  personality.onExec(process);
}
