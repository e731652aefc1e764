// arch_prctl: the registers that a thread cannot write itself.

import { Errno } from '../abi/errno.js';
import { ARCH_GET_FS, ARCH_SET_FS, ARCH_SET_PERCPU } from '../abi/syscall.js';
import type { PercpuArea, Process } from './process.js';
import type { Thread } from './thread.js';

/** Errors: EINVAL no such code; EFAULT. */
export function archPrctl(thread: Thread, code: number, address: number, stride: number): number {
  switch (code) {
    case ARCH_SET_FS:
      thread.registers.tp = address;
      return 0;
    case ARCH_GET_FS: {
      const isWritten = thread.process.memory.storeI32(address >>> 0, thread.registers.tp);
      return isWritten ? 0 : -Errno.EFAULT;
    }
    case ARCH_SET_PERCPU: {
      const isCleared = address === 0 && stride === 0;
      setPercpuArea(thread.process, isCleared ? undefined : { base: address, stride });
      return 0;
    }
    default:
      return -Errno.EINVAL;
  }
}

/** From now on; what a thread is in the middle of has loaded the old gs, if it has loaded any. */
function setPercpuArea(process: Process, area: PercpuArea | undefined): void {
  process.percpuArea = area;
  for (const thread of process.threads.values()) {
    thread.registers.gs = process.percpuBase(thread.cpu);
  }
}
