// The console port: standard input as bytes that are there, standard output as bytes handed out.

export type OutputListener = (fd: number, bytes: Uint8Array) => void;

export class Console {
  readonly #input: Uint8Array;
  readonly #onOutput: OutputListener;
  #at = 0;

  constructor(input: Uint8Array, onOutput: OutputListener) {
    this.#input = input;
    this.#onOutput = onOutput;
  }

  /** Bytes of the input that have been read. */
  get position(): number {
    return this.#at;
  }

  set position(bytes: number) {
    this.#at = bytes;
  }

  /** At most `length` bytes of input that have not been read. */
  peek(length: number): Uint8Array {
    return this.#input.subarray(this.#at, Math.min(this.#input.length, this.#at + length));
  }

  /** Count `length` bytes as read; returns it. */
  advance(length: number): number {
    this.#at += length;
    return length;
  }

  write(fd: number, bytes: Uint8Array): void {
    this.#onOutput(fd, bytes);
  }
}
