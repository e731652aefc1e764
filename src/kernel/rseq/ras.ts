// Restartable atomic sequences, NetBSD's rasctl after Bershad, Redell and Ellis 1992: ranges of code
// per process. A thread that loses the CPU inside one goes on at its first address. No register says
// so, no word names the CPU: it is an atomic operation for machines with one processor.
//
// Order of checks as in sys/kern/kern_ras.c. docs/abi.md, RAS.

import { Errno } from '../../abi/errno.js';
import { TASK_SIZE } from '../../abi/module.js';
import { RAS_LIMIT, RasOp } from '../../abi/ras.js';
import { Sysno } from '../../abi/syscall.js';
import type { Registers } from '../machine.js';
import type { Process } from '../process.js';
import { type CodeRange, isUnderWay, overlap } from '../section.js';
import type { Thread } from '../thread.js';
import type { Personality, ResumeOutcome } from './personality.js';

export class RasPersonality implements Personality {
  readonly name = 'ras';

  readonly syscalls: Personality['syscalls'] = new Map([
    [
      Sysno.Rasctl,
      ({ process }: Thread, [address = 0, length = 0, op = 0]: Int32Array) => {
        const start = address >>> 0;
        const range = { start, end: start + (length >>> 0) };
        if (op === RasOp.Install) return install(process, range);
        if (op === RasOp.Purge) return purge(process, range);
        if (op !== RasOp.PurgeAll) return -Errno.EINVAL;
        process.sequences = [];
        return 0;
      },
    ],
  ]);

  /** Always asks: the sequences are the process's, the hook sees registers only. */
  onSwitchOut(_registers: Readonly<Registers>): boolean {
    return true;
  }

  /** At the first address nothing is done yet, and nothing to be done over. */
  onResume({ registers, process }: Thread): ResumeOutcome {
    const sequence = process.sequences.find((range) => isUnderWay(range, registers.ip));
    if (sequence === undefined) return 'unchanged';
    registers.ip = sequence.start;
    return 'redirected';
  }

  onSignal(thread: Thread): ResumeOutcome {
    return this.onResume(thread);
  }

  /** The sequences are the process's. */
  onClone(_parent: Thread, _child: Thread): void {}

  onFork(parent: Thread, child: Thread): void {
    child.process.sequences = parent.process.sequences;
  }

  onExec(process: Process): void {
    process.sequences = [];
    for (const thread of process.threads.values()) thread.notifyResume = false;
  }

  onExit(thread: Thread): void {
    thread.notifyResume = false;
  }
}

/**
 * Errors, in this order: EINVAL an empty range or one that is not user space; EEXIST it overlaps one of
 * the newest fifteen; EINVAL there are sixteen.
 */
function install(process: Process, range: CodeRange): number {
  if (range.end > TASK_SIZE || range.start === range.end) return -Errno.EINVAL;
  for (const [index, other] of process.sequences.entries()) {
    if (index + 1 >= RAS_LIMIT) return -Errno.EINVAL;
    if (overlap(range, other)) return -Errno.EEXIST;
  }
  process.sequences = [range, ...process.sequences];
  return 0;
}

/** Errors: ESRCH there is no sequence with exactly this address and length. */
function purge(process: Process, { start, end }: CodeRange): number {
  const others = process.sequences.filter((other) => other.start !== start || other.end !== end);
  if (others.length === process.sequences.length) return -Errno.ESRCH;
  process.sequences = others;
  return 0;
}
