// A kernel's state written down: 32-bit words, and what is made of them.

const TWO_32 = 2 ** 32;

/** A double, and its two words. */
const DOUBLE = new Float64Array(1);
const HALVES = new Int32Array(DOUBLE.buffer);

/** Grows while it is written; used again and again. */
export class WordWriter {
  #words = new Int32Array(256);
  #length = 0;
  /** Where threads and addresses were written: the first so many of these. */
  readonly #threads: number[] = [];
  readonly #addresses: number[] = [];
  #threadCount = 0;
  #addressCount = 0;

  /** What was written since `clear`: the first `length` of these. Valid until more is. */
  get words(): Int32Array {
    return this.#words;
  }

  get length(): number {
    return this.#length;
  }

  /** The same without what is behind. */
  get written(): Int32Array {
    return this.#words.subarray(0, this.#length);
  }

  /** Which of the words are numbers of threads. */
  get threads(): readonly number[] {
    return this.#threads.slice(0, this.#threadCount);
  }

  /** Which of the words may be addresses. */
  get addresses(): readonly number[] {
    return this.#addresses.slice(0, this.#addressCount);
  }

  clear(): void {
    this.#length = 0;
    this.#threadCount = 0;
    this.#addressCount = 0;
  }

  word(value: number): void {
    if (this.#length === this.#words.length) this.#grow();
    this.#words[this.#length++] = value;
  }

  /** The number of a thread, 0 for none: means another where threads change their places. */
  thread(tid: number): void {
    this.#threads[this.#threadCount++] = this.#length;
    this.word(tid);
  }

  /** A word that may be an address. */
  address(value: number): void {
    this.#addresses[this.#addressCount++] = this.#length;
    this.word(value);
  }

  /** Words[from .. from + length), each of which may be an address. */
  addressesFrom(words: Int32Array, from: number, length: number): void {
    while (this.#length + length > this.#words.length) this.#grow();
    const own = this.#words;
    const addresses = this.#addresses;
    const start = this.#length;
    const first = this.#addressCount;
    for (let at = 0; at < length; at++) {
      own[start + at] = words[from + at] as number;
      addresses[first + at] = start + at;
    }
    this.#length += length;
    this.#addressCount += length;
  }

  flag(value: boolean): void {
    this.word(value ? 1 : 0);
  }

  double(value: number): void {
    DOUBLE[0] = value;
    this.word(HALVES[0] as number);
    this.word(HALVES[1] as number);
  }

  /** 64 bits. */
  mask(value: bigint): void {
    // The usual one, without the arithmetic.
    this.word(value === 0n ? 0 : Number(BigInt.asIntN(32, value)));
    this.word(value === 0n ? 0 : Number(BigInt.asIntN(32, value >> 32n)));
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

/**
 * More words are copied by a view: 16 are at once in the same time while nothing is compiled, 48 are when all is.
 */
const WORDS_BY_VIEW = 16;

/** Copy from[at .. at + length) to to[toAt ..]. */
export function copyWords(
  from: Int32Array,
  at: number,
  length: number,
  to: Int32Array,
  toAt: number,
): void {
  if (length > WORDS_BY_VIEW) to.set(from.subarray(at, at + length), toAt);
  else for (let word = 0; word < length; word++) to[toAt + word] = from[at + word] as number;
}

/** Reads in the order in which it was written. */
export class WordReader {
  readonly #words: Int32Array;
  #at: number;

  /** Begins at words[at]. */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  /** The word that will be read next. */
  get next(): number {
    return this.#words[this.#at] as number;
  }

  word(): number {
    return this.#words[this.#at++] as number;
  }

  /** The next words, to to[at .. at + length). */
  wordsTo(to: Int32Array, at: number, length: number): void {
    copyWords(this.#words, this.#at, length, to, at);
    this.#at += length;
  }

  flag(): boolean {
    return this.word() !== 0;
  }

  double(): number {
    HALVES[0] = this.word();
    HALVES[1] = this.word();
    return DOUBLE[0] as number;
  }

  mask(): bigint {
    const low = this.word() >>> 0;
    const high = this.word() >>> 0;
    return low === 0 && high === 0 ? 0n : BigInt(low) + BigInt(high) * BigInt(TWO_32);
  }

  text(): string {
    return this.list(() => String.fromCharCode(this.word())).join('');
  }

  list<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.word(); left > 0; left--) items.push(read());
    return items;
  }
}
