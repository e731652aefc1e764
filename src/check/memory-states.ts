// Contents of the guest's memory, each known by a number. A content is the lines that differ from what
// the memory held at the beginning, in chunks: a word that is written makes one new line, one new chunk
// and one new content, and what is equal is there once.
//
//   content ──► chunk, chunk, ...      one for every kilobyte that was ever written, in that order
//   chunk   ──► 16 lines               0: as at the beginning
//   line    ──► 16 words
//
// The program's variables outside memory are words of a chunk as well: GLOBALS_BASE.

import { placed, spread } from './hash.js';
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
  /** The lanes of what is being made. */
  #low = 0;
  #high = 0;
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
    return this.#contents.low(content);
  }

  high(content: number): number {
    return this.#contents.high(content);
  }

  /** Those of all contents: of content n at 2n and behind it. Valid until the next that is made. */
  get lanes(): Int32Array {
    return this.#contents.lanes;
  }

  /** The line at `address`, a multiple of LINE_BYTES; 0: as it was at the beginning. */
  line(content: number, address: number): number {
    return this.#lineAt(content, address);
  }

  lineLow(line: number): number {
    return this.#lines.low(line);
  }

  lineHigh(line: number): number {
    return this.#lines.high(line);
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
    return this.#lines.at(line, (address >>> 2) & (LINE_WORDS - 1));
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

  /** The same for many words: pairs of address and word. Those of a line that come together are one write. */
  writeAll(content: number, stores: readonly number[]): number {
    let now = content;
    for (let at = 0; at < stores.length; ) {
      const address = stores[at] as number;
      const end = endOfLine(stores, at);
      now =
        end === at + 2
          ? this.write(now, address, stores[at + 1] as number)
          : this.#writeLine(now, stores, at, end);
      at = end;
    }
    return now;
  }

  /** Call `visit` with the address and the words of every line in which two contents differ: those of `to`. */
  difference(from: number, to: number, visit: (address: number, words: Int32Array) => void): void {
    if (from === to) return;
    for (let index = 0; index < this.#places.length; index++) {
      const place = this.#places[index] as number;
      const before = this.#contents.at(from, index);
      const after = this.#contents.at(to, index);
      if (before === after) continue;
      for (let line = 0; line < CHUNK_LINES; line++) {
        const address = place * 2 ** CHUNK_SHIFT + line * 2 ** LINE_SHIFT;
        const now = this.#chunks.at(after, line);
        if (this.#chunks.at(before, line) !== now) visit(address, this.#wordsOf(now, address));
      }
    }
  }

  #write(content: number, address: number, word: number): number {
    if (this.read(content, address) === word) return content;
    const lineAddress = (address >>> LINE_SHIFT) * 2 ** LINE_SHIFT;
    this.#line.set(this.#wordsOf(this.#lineAt(content, address), lineAddress));
    this.#line[(address >>> 2) & (LINE_WORDS - 1)] = word;
    return this.#replaceLine(content, address, this.#internLine(lineAddress));
  }

  /** Of stores[from .. to), which are all to one line. */
  #writeLine(content: number, stores: readonly number[], from: number, to: number): number {
    const address = ((stores[from] as number) >>> LINE_SHIFT) * LINE_BYTES;
    this.#line.set(this.#wordsOf(this.#lineAt(content, address), address));
    for (let at = from; at < to; at += 2) {
      this.#line[((stores[at] as number) >>> 2) & (LINE_WORDS - 1)] = stores[at + 1] as number;
    }
    return this.replaceLine(content, address, this.#internLine(address));
  }

  #replaceLine(content: number, address: number, line: number): number {
    const index = this.#slotOf(address >>> CHUNK_SHIFT);
    const at = (address >>> LINE_SHIFT) & (CHUNK_LINES - 1);
    const old = this.#contents.at(content, index);
    if (old === 0) this.#chunk.fill(0);
    else this.#chunk.set(this.#chunks.tuple(old));
    this.#low = this.#chunks.low(old);
    this.#high = this.#chunks.high(old);
    this.#exchange(this.#lines, this.#chunk[at] as number, line, at);
    this.#chunk[at] = line;
    const isInitial = line === 0 && this.#chunk.every((each) => each === 0);
    const chunk = isInitial
      ? 0
      : this.#chunks.internAs(this.#chunk, 0, CHUNK_LINES, this.#low, this.#high);
    return this.#replaceChunk(content, index, old, chunk);
  }

  /** In the lanes of a whole, the part at `place` becomes another; 0: there is none. */
  #exchange(parts: Interner, before: number, after: number, place: number): void {
    if (before !== 0) {
      this.#low ^= placed(parts.low(before), place);
      this.#high ^= placed(parts.high(before), place);
    }
    if (after !== 0) {
      this.#low ^= placed(parts.low(after), place);
      this.#high ^= placed(parts.high(after), place);
    }
  }

  #internLine(address: number): number {
    let isInitial = true;
    for (let at = 0; at < LINE_WORDS; at++) {
      isInitial &&= this.#line[at] === this.#initialWord(address + at * 4);
    }
    return isInitial ? 0 : this.#lines.intern(this.#line, 0, LINE_WORDS);
  }

  #replaceChunk(content: number, index: number, old: number, chunk: number): number {
    const length = Math.max(this.#contents.length(content), index + 1);
    while (this.#tuple.length < length) this.#tuple = enlarged(this.#tuple);
    this.#tuple.fill(0, 0, length);
    this.#tuple.set(this.#contents.tuple(content));
    this.#tuple[index] = chunk;
    let used = length;
    while (used > 0 && this.#tuple[used - 1] === 0) used--;
    if (used === 0) return 0;
    this.#low = this.#contents.low(content);
    this.#high = this.#contents.high(content);
    this.#exchange(this.#chunks, old, chunk, this.#places[index] as number);
    return this.#contents.internAs(this.#tuple, 0, used, this.#low, this.#high);
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
    const chunk = this.#contents.at(content, index);
    return this.#chunks.at(chunk, (address >>> LINE_SHIFT) & (CHUNK_LINES - 1));
  }

  #wordsOf(line: number, address: number): Int32Array {
    if (line !== 0) return this.#lines.tuple(line);
    const words = new Int32Array(LINE_WORDS);
    for (let at = 0; at < LINE_WORDS; at++) words[at] = this.#initialWord(address + at * 4);
    return words;
  }
}

/** Where the stores end that are to the same line as stores[from]. */
function endOfLine(stores: readonly number[], from: number): number {
  const line = (stores[from] as number) >>> LINE_SHIFT;
  let end = from + 2;
  while (end < stores.length && (stores[end] as number) >>> LINE_SHIFT === line) end += 2;
  return end;
}
