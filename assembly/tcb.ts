// === tcb: the thread control block ===============================================================
//
// Every thread has a block of its own; the thread-pointer register holds its address. The main
// thread's is static data, any other thread's comes from the heap of whoever spawns it.

import { EVENT_CPU_ID } from '../src/abi/event-counter';
import { PERCPU_CURRENT_CPU } from '../src/abi/percpu-signal';
import { Abi } from '../src/abi/personality';
import { CPU_ID_UNINITIALIZED, TCB_ALIGN, TCB_AREA, TCB_BYTES, TCB_CPU_ID } from '../src/abi/thread';
import { abi } from './abi';
import { setThreadPointer } from './sys';

/** The thread-pointer register. The toolchain makes it one instruction. */
// @ts-ignore: decorator
@external("rseq", "tp")
export declare function threadPointer(): usize;

/** Bytes in which there is an aligned block, wherever they begin. */
export const TCB_ROOM: usize = TCB_BYTES + TCB_ALIGN;

const MAIN_ROOM: usize = memory.data(TCB_BYTES + TCB_ALIGN, 16);

/** The first address in a room that a block may have. */
// @ts-ignore: decorator
@inline
export function alignTcb(room: usize): usize {
  return (room + TCB_ALIGN - 1) & ~(TCB_ALIGN - 1);
}

/** The words of a thread that has not registered. */
export function initArea(tcb: usize): void {
  memory.fill(tcb + TCB_AREA, 0, TCB_ALIGN);
  store<i32>(tcb + TCB_AREA + cpuIdOffset(), CPU_ID_UNINITIALIZED);
}

// @ts-ignore: decorator
@inline
function cpuIdOffset(): usize {
  if (abi() == Abi.EventCounter) return EVENT_CPU_ID;
  return abi() == Abi.PercpuSignal ? PERCPU_CURRENT_CPU : TCB_CPU_ID;
}

/** The caller's block; the main thread's is set up on first use. */
export function ensureThreadPointer(): usize {
  if (threadPointer() == 0) {
    initArea(alignTcb(MAIN_ROOM));
    setThreadPointer(alignTcb(MAIN_ROOM));
  }
  return threadPointer();
}

// Before the main thread's first statement: from then on every thread has a block.
ensureThreadPointer();
