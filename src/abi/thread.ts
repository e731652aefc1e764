// The thread control block: what the thread-pointer register of a guest thread points to.
//
//    0  area, 64 bytes aligned 64: the words a thread shares with the kernel, laid out as the
//       program's ABI has them. For turner the cpu word is the i32 at 4, where linux has cpu_id.
//   64  i32 tid        writer: the kernel, for clone; reader: this thread.
//   68  u32 function   writer: the spawner, before clone; reader: this thread.
//   72  u32 argument   likewise.
//   76  i32 joined     exit status that join got: writer: kernel; reader: this thread.
//   80  u64 mask       signals to block: writer: kernel for this thread's spawn, spawner; reader: this thread.
//   88  u64 all        every signal: writer: this thread's spawn; reader: kernel.
//   96  24 bytes in which printNumber writes digits.
//  120  u32 arena      where this thread makes objects, or 0. writer, reader: this thread.

export const TCB_AREA = 0;
/** The cpu word of turner. */
export const TCB_CPU_ID = 4;
export const TCB_TID = 64;
export const TCB_FUNCTION = 68;
export const TCB_ARGUMENT = 72;
export const TCB_JOINED = 76;
export const TCB_MASK = 80;
export const TCB_ALL_SIGNALS = 88;
export const TCB_DIGITS = 96;
export const TCB_ARENA = 120;
/** Two cache lines, so that no two threads share one. */
export const TCB_BYTES = 128;
/** Alignment of a block: that of the largest area. */
export const TCB_ALIGN = 64;

export const CPU_ID_UNINITIALIZED = -1;
