// A kernel's state written down: 32-bit words, and what is made of them.

const TWO_32 = 2 ** 32;

/** Grows while it is written; used again and again. */
export class WordWriter {
  #words = new Int32Array(256);
  #length = 0;
  readonly #double = new Float64Array(1);
  readonly #halves = new Int32Array(this.#double.buffer);

  /** What was written since `clear`; valid until more is. */
  get words(): Int32Array {
    return this.#words.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  word(value: number): void {
    if (this.#length === this.#words.length) this.#grow();
    this.#words[this.#length++] = value;
  }

  flag(value: boolean): void {
    this.word(value ? 1 : 0);
  }

  double(value: number): void {
    this.#double[0] = value;
    this.word(this.#halves[0] as number);
    this.word(this.#halves[1] as number);
  }

  /** 64 bits. */
  mask(value: bigint): void {
    this.word(Number(BigInt.asIntN(32, value)));
    this.word(Number(BigInt.asIntN(32, value >> 32n)));
  }

  text(value: string): void {
    this.word(value.length);
    for (let at = 0; at < value.length; at++) this.word(value.charCodeAt(at));
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.word(items.length);
    for (const item of items) write(item);
  }

  #grow(): void {
    const larger = new Int32Array(this.#words.length * 2);
    larger.set(this.#words);
    this.#words = larger;
  }
}

/** Reads in the order in which it was written. */
export class WordReader {
  #at = 0;
  readonly #double = new Float64Array(1);
  readonly #halves = new Int32Array(this.#double.buffer);

  constructor(readonly words: Int32Array) {}

  /** The words that have not been read. */
  get rest(): Int32Array {
    return this.words.subarray(this.#at);
  }

  word(): number {
    return this.words[this.#at++] as number;
  }

  flag(): boolean {
    return this.word() !== 0;
  }

  double(): number {
    this.#halves[0] = this.word();
    this.#halves[1] = this.word();
    return this.#double[0] as number;
  }

  mask(): bigint {
    const low = this.word() >>> 0;
    return BigInt(low) + BigInt(this.word() >>> 0) * BigInt(TWO_32);
  }

  text(): string {
    return this.list(() => String.fromCharCode(this.word())).join('');
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.word() }, read);
  }
}
