// percpu(area, flags), number 323: Mathieu Desnoyers' alternative to the RFC (May 2015). The kernel
// moves no ip: it sends a signal, and the thread restarts itself. Compiled by both tsc and asc.
//
// The area, 16 bytes, aligned 4:
//    0  i32 nesting      writer: this thread: sections it is in; reader: kernel
//    4  i32 signal_sent  writer: kernel, 1 with the signal; this thread, which clears it
//    8  i32 signo        writer: this thread; reader: kernel
//   12  i32 current_cpu  writer: kernel, when the thread gets a CPU; reader: this thread
//
// Behind the area, of no concern to the kernel:
//   16  i32 generation   writer, reader: this thread: another number after every section it entered,
//                        and after every signal of the kernel's

export const PERCPU_NESTING = 0;
export const PERCPU_SIGNAL_SENT = 4;
export const PERCPU_SIGNO = 8;
export const PERCPU_CURRENT_CPU = 12;
export const PERCPU_AREA_BYTES = 16;
export const PERCPU_GENERATION = 16;
/** The signal the guest library asks for: the first real-time signal. */
export const PERCPU_SIGNAL = 34;
