// What can have happened to a thread since it last entered user code, as a mask (Linux:
// RSEQ_EVENT_*_BIT). Writer: the kernel, which only ever sets bits; a personality that looks at
// them clears them.

export enum RseqEvent {
  /** It lost its CPU, by force or by its own wish, or another thread's fence hit it. */
  Preempt = 1,
  /** A handler was called. */
  Signal = 2,
  /** It was given another CPU. */
  Migrate = 4,
}
