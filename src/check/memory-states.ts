// Contents of the guest's memory, each known by a number. A content is the lines that differ from what
// the memory held at the beginning, in chunks: a word that is written makes one new line, one new chunk
// and one new content, and what is equal is there once.
//
//   content ──► chunk, chunk, ...      one for every kilobyte that was ever written, in that order
//   chunk   ──► 16 lines               0: as at the beginning
//   line    ──► 16 words
//
// The program's variables outside memory are words of a chunk as well: GLOBALS_BASE.

import { finish, placed, spread } from './hash.js';
import { enlarged, Interner } from './interner.js';

const LINE_WORDS = 16;
export const LINE_BYTES: number = 4 * LINE_WORDS;
const CHUNK_LINES = 16;
/** Address to its line, and to its chunk. */
const LINE_SHIFT = 6;
const CHUNK_SHIFT = 10;

/** Words of the cache of writes, and of an entry: content, address, word, result + 1. */
const CACHE_WORDS = 1 << 16;
const ENTRY_WORDS = 4;

export class MemoryStates {
  readonly #lines = new Interner();
  readonly #chunks = new Interner();
  readonly #contents = new Interner();
  readonly #initialWord: (address: number) => number;
  /** Index of a chunk in contents, by the chunk's number in the address space. */
  readonly #slots = new Map<number, number>();
  /** The chunks' numbers in the address space, by index. */
  readonly #places: number[] = [];
  #tuple = new Int32Array(16);
  readonly #line = new Int32Array(LINE_WORDS);
  readonly #chunk = new Int32Array(CHUNK_LINES);
  /** Writes done before. */
  readonly #cache = new Int32Array(CACHE_WORDS);

  /** initialWord: what the memory holds at the beginning, by address. */
  constructor(initialWord: (address: number) => number) {
    this.#initialWord = initialWord;
  }

  get bytes(): number {
    return this.#lines.bytes + this.#chunks.bytes + this.#contents.bytes;
  }

  /** The lanes of a content's fingerprint; that of the initial content, number 0, is 0. */
  low(content: number): number {
    return content === 0 ? 0 : this.#contents.low(content);
  }

  high(content: number): number {
    return content === 0 ? 0 : this.#contents.high(content);
  }

  /** The line at `address`, a multiple of LINE_BYTES; 0: as it was at the beginning. */
  line(content: number, address: number): number {
    return this.#lineAt(content, address);
  }

  lineLow(line: number): number {
    return line === 0 ? 0 : this.#lines.low(line);
  }

  lineHigh(line: number): number {
    return line === 0 ? 0 : this.#lines.high(line);
  }

  /** A copy of the words of a line that is at `address`. */
  lineWords(line: number, address: number): Int32Array {
    return this.#wordsOf(line, address).slice();
  }

  /** The line with these words at `address`. */
  lineOf(words: Int32Array, address: number): number {
    this.#line.set(words);
    return this.#internLine(address);
  }

  /** The content with another line at `address`. */
  replaceLine(content: number, address: number, line: number): number {
    if (this.#lineAt(content, address) === line) return content;
    return this.#replaceLine(content, address, line);
  }

  /** The word at `address`, a multiple of 4. */
  read(content: number, address: number): number {
    const line = this.#lineAt(content, address);
    if (line === 0) return this.#initialWord(address);
    return this.#lines.words[
      this.#lines.start(line) + ((address >>> 2) & (LINE_WORDS - 1))
    ] as number;
  }

  /** The content that comes of storing `word` at `address`. */
  write(content: number, address: number, word: number): number {
    const cache = this.#cache;
    const entry = (spread(content, address, word) * ENTRY_WORDS) & (CACHE_WORDS - 1);
    const cached = cache[entry + 3] as number;
    if (
      cached !== 0 &&
      cache[entry] === content &&
      cache[entry + 1] === (address | 0) &&
      cache[entry + 2] === word
    ) {
      return cached - 1;
    }
    const result = this.#write(content, address, word);
    cache[entry] = content;
    cache[entry + 1] = address;
    cache[entry + 2] = word;
    cache[entry + 3] = result + 1;
    return result;
  }

  /** Call `visit` with the address and the words of every line in which two contents differ: those of `to`. */
  difference(from: number, to: number, visit: (address: number, words: Int32Array) => void): void {
    if (from === to) return;
    this.#places.forEach((place, index) => {
      const before = this.#chunkAt(from, index);
      const after = this.#chunkAt(to, index);
      if (before === after) return;
      for (let line = 0; line < CHUNK_LINES; line++) {
        const address = place * 2 ** CHUNK_SHIFT + line * 2 ** LINE_SHIFT;
        const now = this.#lineOf(after, line);
        if (this.#lineOf(before, line) !== now) visit(address, this.#wordsOf(now, address));
      }
    });
  }

  #write(content: number, address: number, word: number): number {
    if (this.read(content, address) === word) return content;
    const lineAddress = (address >>> LINE_SHIFT) * 2 ** LINE_SHIFT;
    this.#line.set(this.#wordsOf(this.#lineAt(content, address), lineAddress));
    this.#line[(address >>> 2) & (LINE_WORDS - 1)] = word;
    return this.#replaceLine(content, address, this.#internLine(lineAddress));
  }

  #replaceLine(content: number, address: number, line: number): number {
    const index = this.#slotOf(address >>> CHUNK_SHIFT);
    const old = this.#chunkAt(content, index);
    if (old === 0) this.#chunk.fill(0);
    else this.#chunk.set(this.#chunks.tuple(old));
    this.#chunk[(address >>> LINE_SHIFT) & (CHUNK_LINES - 1)] = line;
    return this.#replaceChunk(content, index, this.#internChunk());
  }

  #internLine(address: number): number {
    let isInitial = true;
    for (let at = 0; at < LINE_WORDS; at++) {
      isInitial &&= this.#line[at] === this.#initialWord(address + at * 4);
    }
    return isInitial ? 0 : this.#lines.intern(this.#line, 0, LINE_WORDS);
  }

  #internChunk(): number {
    let low = 0;
    let high = 0;
    let isInitial = true;
    for (let at = 0; at < CHUNK_LINES; at++) {
      const line = this.#chunk[at] as number;
      if (line === 0) continue;
      isInitial = false;
      low ^= placed(this.#lines.low(line), at);
      high ^= placed(this.#lines.high(line), at);
    }
    if (isInitial) return 0;
    return this.#chunks.internAs(this.#chunk, 0, CHUNK_LINES, finish(low), finish(high));
  }

  #replaceChunk(content: number, index: number, chunk: number): number {
    const length = Math.max(this.#contents.length(content), index + 1);
    while (this.#tuple.length < length) this.#tuple = enlarged(this.#tuple);
    this.#tuple.fill(0, 0, length);
    this.#tuple.set(this.#contents.tuple(content));
    const old = this.#tuple[index] as number;
    this.#tuple[index] = chunk;
    let used = length;
    while (used > 0 && this.#tuple[used - 1] === 0) used--;
    if (used === 0) return 0;
    const place = this.#places[index] as number;
    let low = this.low(content);
    let high = this.high(content);
    if (old !== 0) {
      low ^= placed(this.#chunks.low(old), place);
      high ^= placed(this.#chunks.high(old), place);
    }
    if (chunk !== 0) {
      low ^= placed(this.#chunks.low(chunk), place);
      high ^= placed(this.#chunks.high(chunk), place);
    }
    return this.#contents.internAs(this.#tuple, 0, used, low, high);
  }

  #slotOf(place: number): number {
    const known = this.#slots.get(place);
    if (known !== undefined) return known;
    this.#slots.set(place, this.#places.length);
    this.#places.push(place);
    return this.#places.length - 1;
  }

  #lineAt(content: number, address: number): number {
    const index = this.#slots.get(address >>> CHUNK_SHIFT);
    if (index === undefined) return 0;
    return this.#lineOf(
      this.#chunkAt(content, index),
      (address >>> LINE_SHIFT) & (CHUNK_LINES - 1),
    );
  }

  #chunkAt(content: number, index: number): number {
    if (index >= this.#contents.length(content)) return 0;
    return this.#contents.words[this.#contents.start(content) + index] as number;
  }

  #lineOf(chunk: number, line: number): number {
    return chunk === 0 ? 0 : (this.#chunks.words[this.#chunks.start(chunk) + line] as number);
  }

  #wordsOf(line: number, address: number): Int32Array {
    if (line !== 0) return this.#lines.tuple(line);
    return Int32Array.from({ length: LINE_WORDS }, (_, at) => this.#initialWord(address + at * 4));
  }
}
