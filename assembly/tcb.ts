// === tcb: the thread control block ===============================================================
//
// Every thread has 64 bytes of its own; the thread-pointer register holds their address. The main
// thread's are static data, any other thread's come from the heap of whoever spawns it.

import { CPU_ID_UNINITIALIZED, TCB_BYTES, TCB_CPU_ID } from '../src/abi/thread';
import { setThreadPointer } from './sys';

/** The thread-pointer register. The toolchain makes it one instruction. */
// @ts-ignore: decorator
@external("rseq", "tp")
export declare function threadPointer(): usize;

const MAIN_TCB: usize = memory.data(TCB_BYTES, 16);

/** The caller's block; the main thread's is set up on first use. */
export function ensureThreadPointer(): usize {
  if (threadPointer() == 0) {
    store<i32>(MAIN_TCB, CPU_ID_UNINITIALIZED, TCB_CPU_ID);
    setThreadPointer(MAIN_TCB);
  }
  return threadPointer();
}
