// Port: user memory. Every access can fault, and says so by its result, never by an exception: the
// caller turns a fault into EFAULT or SIGSEGV. Little endian, any alignment, addresses in bytes.

export interface Memory {
  /** Bytes the guest may touch now. */
  readonly sizeBytes: number;
  /** The i32 at `address`, or undefined on a fault. */
  loadI32(address: number): number | undefined;
  /** False on a fault; then nothing was written. */
  storeI32(address: number, value: number): boolean;
  /** A copy of the bytes, or undefined on a fault. */
  copyIn(address: number, length: number): Uint8Array | undefined;
  /** False on a fault; then nothing was written. */
  copyOut(address: number, bytes: Uint8Array): boolean;
}
