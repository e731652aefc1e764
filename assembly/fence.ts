// === fence: behind it nobody is in a section that began before it ==================================
//
// Where there is membarrier's fence, that. Elsewhere the thread goes to the CPU: when it runs there, what
// ran before does not, and if that was in a section it will restart. After tcmalloc's FenceCpu.

import { Errno } from '../src/abi/errno';
import { MEMBARRIER_FLAG_CPU } from '../src/abi/membarrier';
import { Abi } from '../src/abi/personality';
import { abi } from './abi';
import { membarrier, MembarrierCommand, nrCpus, schedGetaffinity, schedSetaffinity } from './sys';
import { mutexLock, mutexUnlock } from './mutex';

const SET_BYTES: i32 = 32;
const LOCK: usize = memory.data(4, 4);
const SAVED: usize = memory.data(32, 8);
const TARGET: usize = memory.data(32, 8);

/**
 * No section that a thread is in on `cpu` when this is called goes on: it commits before this returns, or
 * restarts. The caller may be elsewhere afterwards. Not in a section, nor in a handler.
 */
export function fenceCpu(cpu: i32): void {
  if (abi() == Abi.Linux || abi() == Abi.LinuxV2) fenceByMembarrier(cpu);
  else fenceByVisit(cpu);
}

/** The same for all CPUs. */
export function fenceAllCpus(): void {
  for (let cpu = 0; cpu < nrCpus(); cpu++) fenceCpu(cpu);
}

function fenceByMembarrier(cpu: i32): void {
  const command = MembarrierCommand.PrivateExpeditedRseq;
  if (membarrier(command, MEMBARRIER_FLAG_CPU, cpu) != -Errno.EPERM) return;
  membarrier(MembarrierCommand.RegisterPrivateExpeditedRseq, 0, 0);
  membarrier(command, MEMBARRIER_FLAG_CPU, cpu);
}

/** A CPU that is off runs nothing, and cannot be visited. */
function fenceByVisit(cpu: i32): void {
  mutexLock(LOCK);
  schedGetaffinity(0, SET_BYTES, SAVED);
  memory.fill(TARGET, 0, SET_BYTES);
  const bit: i32 = 1 << (cpu & 7);
  store<u8>(TARGET + (<usize>cpu >> 3), <u8>bit);
  if (schedSetaffinity(0, SET_BYTES, TARGET) == 0) schedSetaffinity(0, SET_BYTES, SAVED);
  mutexUnlock(LOCK);
}
