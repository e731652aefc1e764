// === fence: no section goes on that was under way ==================================================
//
// A section that has read something may commit what follows from it long after that has changed. Change
// it, then fence: whoever was in a section has committed, or is sent back and reads again.
//
//   linux, linux-v2   membarrier sends back what runs on any CPU
//   others            the caller runs on each CPU in turn: whoever was there has lost it meanwhile

import { MEMBARRIER_FLAG_CPU, MembarrierCommand } from '../src/abi/membarrier';
import { Abi } from '../src/abi/personality';
import { abi } from './abi';
import { membarrier, nrCpus, schedGetaffinity, schedSetaffinity } from './sys';

/** Bytes of memory that a fence needs. */
export const FENCE_BYTES: usize = 64;

const MASK_BYTES: i32 = 32;

/**
 * When this returns, every section of the process that was under way when it was called has committed or
 * will begin again. `room` is FENCE_BYTES of the caller's. Not for handlers: with percpu-signal, the section
 * that one interrupts goes on.
 */
export function fenceSections(room: usize): void {
  if (hasMembarrier()) sendBack(0, -1);
  else visitCpus(0, nrCpus(), room);
}

/** The same for the sections that threads are in on `cpu`. */
export function fenceCpu(cpu: i32, room: usize): void {
  if (hasMembarrier()) sendBack(MEMBARRIER_FLAG_CPU, cpu);
  else visitCpus(cpu, cpu + 1, room);
}

// @ts-ignore: decorator
@inline
function hasMembarrier(): bool {
  return abi() == Abi.Linux || abi() == Abi.LinuxV2;
}

function sendBack(flags: i32, cpu: i32): void {
  membarrier(MembarrierCommand.RegisterPrivateExpeditedRseq, 0, 0);
  membarrier(MembarrierCommand.PrivateExpeditedRseq, flags, cpu);
}

/** A CPU that is offline has nobody, and cannot be visited. */
function visitCpus(first: i32, end: i32, room: usize): void {
  const one = room + MASK_BYTES;
  const length = schedGetaffinity(0, MASK_BYTES, room);
  for (let cpu = first; cpu < end; cpu++) {
    memory.fill(one, 0, MASK_BYTES);
    store<u8>(one + <usize>(cpu >> 3), <u8>1 << <u8>(cpu & 7));
    schedSetaffinity(0, MASK_BYTES, one);
  }
  schedSetaffinity(0, length, room);
}
