// The operations of restartable_sequences(op, flags, val1, val2, val3), Paul Turner's RFC of June 2015.

export enum RseqOp {
  /** val1 = start, val2 = end, val3 = restart: the critical region of the process. */
  SetCritical = 0,
  /** val1 = address of an i32 that always holds the current CPU number; 0 disables. */
  SetCpuPointer = 1,
}
