// The thread control block: what the thread-pointer register of a guest thread points to.
//
//   0  i32 cpuId      writer: kernel, before user code runs; reader: this thread; aligned 4.
//                     CPU_ID_UNINITIALIZED until the thread has registered.
//   4  i32 tid        writer: the library at start; reader: this thread.
//   8  u32 function   writer: the spawner, before clone; reader: this thread.
//  12  u32 argument   likewise.
//  16  u64 mask       signals to block: writer: kernel for this thread's spawn, spawner; reader: this thread.
//  24  u64 all        every signal: writer: this thread's spawn; reader: kernel.
//  32  i32 joined     exit status that join got: writer: kernel; reader: this thread.

export const TCB_CPU_ID = 0;
export const TCB_TID = 4;
export const TCB_FUNCTION = 8;
export const TCB_ARGUMENT = 12;
export const TCB_MASK = 16;
export const TCB_ALL_SIGNALS = 24;
export const TCB_JOINED = 32;
/** 24 bytes in which printNumber writes digits. */
export const TCB_DIGITS = 40;
/** One cache line, so that no two threads share one. */
export const TCB_BYTES = 64;

export const CPU_ID_UNINITIALIZED = -1;
