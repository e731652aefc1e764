// Contents of the guest's memory, each known by a number. A content is the lines that differ from what
// the memory held at the beginning, in chunks: a word that is written makes one new line, one new chunk
// and one new content, and what is equal is there once.
//
//   content ──► chunk, chunk, ...      one for every kilobyte that was ever written, in that order
//   chunk   ──► 16 lines               0: as at the beginning
//   line    ──► 16 words
//
// The program's variables outside memory are words of a chunk as well: GLOBALS_BASE.

import { placed, spread } from './hash';
import { Interner } from './interner';
import { Triples } from './triples';
import { allocate, allocateUnset, copy, enlarge, load32, Numbers, store32 } from './words';

const LINE_WORDS: i32 = 16;
export const LINE_BYTES: i32 = 4 * LINE_WORDS;
const CHUNK_LINES: i32 = 16;
/** Address to its line, and to its chunk. */
const LINE_SHIFT: i32 = 6;
const CHUNK_SHIFT: i32 = 10;

/** Entries of the cache of writes: content, address, word, result + 1. */
const CACHE_BITS: i32 = 14;
const ENTRY_WORDS: i32 = 4;
const CACHE: usize = memory.data((4 * ENTRY_WORDS) << CACHE_BITS, 16);

export const lines: Interner = new Interner();
export const chunks: Interner = new Interner();
export const contents: Interner = new Interner();
/** Index of a chunk in contents, and 1, by the chunk's number in the address space; and the other way round. */
const slots: Triples = new Triples();
const places: Numbers = new Numbers();
let placeCount: i32 = 0;

/** What memory and variables held at the beginning; 0 behind that. */
let initialAt: usize = 0;
let initialWords: i32 = 0;
let variablesAt: usize = 0;
let variableWords: i32 = 0;
/** Where variables are in the address space. */
let variablesBase: u32 = 0xffffffff;

/** What is being made. */
const newLine: usize = memory.data(4 * LINE_WORDS, 4);
const newChunk: usize = memory.data(4 * CHUNK_LINES, 4);
let newContent: usize = allocate(64);
let newContentRoom: i32 = 64;
let newLow: i32 = 0;
let newHigh: i32 = 0;
/** Of a line that is as at the beginning. */
const initialLine: usize = memory.data(4 * LINE_WORDS, 4);

/** Room for what so many words of memory hold at the beginning, at its address. */
export function initialMemory(words: i32): usize {
  initialWords = words;
  return (initialAt = allocateUnset(words));
}

/** The same for the words of variables, the first of which is at address `base`. */
export function initialVariables(words: i32, base: u32): usize {
  variablesBase = base;
  variableWords = words;
  return (variablesAt = allocateUnset(words));
}

/** The word at `address`, a multiple of 4. */
export function read(content: i32, address: u32): i32 {
  const line = lineAt(content, address);
  return line === 0
    ? initialWord(address)
    : load32(lines.tuple(line), (address >>> 2) & (LINE_WORDS - 1));
}

/** The content that comes of storing `word` at `address`. */
export function write(content: i32, address: u32, word: i32): i32 {
  const entry = CACHE + ((spread(content, address, word) >>> (32 - CACHE_BITS)) * ENTRY_WORDS * 4);
  const cached = load32(entry, 3);
  if (
    cached !== 0 &&
    load32(entry, 0) === content &&
    load32(entry, 1) === <i32>address &&
    load32(entry, 2) === word
  ) {
    return cached - 1;
  }
  const result = writeNew(content, address, word);
  store32(entry, 0, content);
  store32(entry, 1, address);
  store32(entry, 2, word);
  store32(entry, 3, result + 1);
  return result;
}

/** The same for many: `words` words at `stores`, an address and its word each. Those of a line are one write. */
export function writeAll(content: i32, stores: usize, words: i32): i32 {
  let now = content;
  for (let at = 0; at < words; ) {
    const address = load32(stores, at);
    let end = at + 2;
    while (end < words && (load32(stores, end) ^ address) >>> LINE_SHIFT === 0) end += 2;
    now =
      end === at + 2
        ? write(now, address, load32(stores, at + 1))
        : writeLine(now, stores, at, end);
    at = end;
  }
  return now;
}

/** The line at `address`; 0: as it was at the beginning. */
export function lineAt(content: i32, address: u32): i32 {
  const index = slots.find(address >>> CHUNK_SHIFT, 0, 0) - 1;
  if (index < 0) return 0;
  return chunks.at(contents.at(content, index), (address >>> LINE_SHIFT) & (CHUNK_LINES - 1));
}

/** The address of the words of a line that is at `address`. Valid until the next call. */
export function lineWords(line: i32, address: u32): usize {
  if (line !== 0) return lines.tuple(line);
  for (let at = 0; at < LINE_WORDS; at++) store32(initialLine, at, initialWord(address + at * 4));
  return initialLine;
}

/** The number of the line whose words are at `words`, when it is at `address`. */
export function lineOf(words: usize, address: u32): i32 {
  for (let at = 0; at < LINE_WORDS; at++) {
    if (load32(words, at) !== initialWord(address + at * 4)) return lines.intern(words, LINE_WORDS);
  }
  return 0;
}

/** The content with another line at `address`. */
export function replaceLine(content: i32, address: u32, line: i32): i32 {
  if (lineAt(content, address) === line) return content;
  const index = slotOf(address >>> CHUNK_SHIFT);
  const at = (address >>> LINE_SHIFT) & (CHUNK_LINES - 1);
  const old = contents.at(content, index);
  if (old === 0) memory.fill(newChunk, 0, 4 * CHUNK_LINES);
  else copy(newChunk, chunks.tuple(old), CHUNK_LINES);
  newLow = chunks.low(old);
  newHigh = chunks.high(old);
  exchange(lines, load32(newChunk, at), line, at);
  store32(newChunk, at, line);
  const chunk = isZero(newChunk, CHUNK_LINES)
    ? 0
    : chunks.internAs(newChunk, CHUNK_LINES, newLow, newHigh);
  return replaceChunk(content, index, old, chunk);
}

/** Number and address of every line in which the last contents compared differ. */
export const differing: Numbers = new Numbers();

/** Find the lines of `after` that are others in `before`. Returns how many there are. */
export function compare(before: i32, after: i32): i32 {
  let count = 0;
  if (before === after) return count;
  for (let index = 0; index < placeCount; index++) {
    const old = contents.at(before, index);
    const now = contents.at(after, index);
    if (old === now) continue;
    for (let at = 0; at < CHUNK_LINES; at++) {
      const line = chunks.at(now, at);
      if (chunks.at(old, at) === line) continue;
      differing.set(count * 2, line);
      differing.set(count * 2 + 1, (places.get(index) << CHUNK_SHIFT) | (at << LINE_SHIFT));
      count++;
    }
  }
  return count;
}

function initialWord(address: u32): i32 {
  if (address >= variablesBase) {
    const index = (address - variablesBase) >>> 2;
    return index < <u32>variableWords ? load32(variablesAt, index) : 0;
  }
  const index = address >>> 2;
  return index < <u32>initialWords ? load32(initialAt, index) : 0;
}

function writeNew(content: i32, address: u32, word: i32): i32 {
  if (read(content, address) === word) return content;
  const lineAddress = address & ~(LINE_BYTES - 1);
  copy(newLine, lineWords(lineAt(content, address), lineAddress), LINE_WORDS);
  store32(newLine, (address >>> 2) & (LINE_WORDS - 1), word);
  return replaceLine(content, address, lineOf(newLine, lineAddress));
}

/** Of the stores from .. to, which are all to one line. */
function writeLine(content: i32, stores: usize, from: i32, to: i32): i32 {
  const address = load32(stores, from) & ~(LINE_BYTES - 1);
  copy(newLine, lineWords(lineAt(content, address), address), LINE_WORDS);
  for (let at = from; at < to; at += 2) {
    store32(newLine, (load32(stores, at) >>> 2) & (LINE_WORDS - 1), load32(stores, at + 1));
  }
  return replaceLine(content, address, lineOf(newLine, address));
}

/** In the lanes of a whole, the part at `place` becomes another; 0: there is none. */
function exchange(parts: Interner, before: i32, after: i32, place: i32): void {
  if (before !== 0) {
    newLow ^= placed(parts.low(before), place);
    newHigh ^= placed(parts.high(before), place);
  }
  if (after !== 0) {
    newLow ^= placed(parts.low(after), place);
    newHigh ^= placed(parts.high(after), place);
  }
}

function replaceChunk(content: i32, index: i32, old: i32, chunk: i32): i32 {
  const before = contents.length(content);
  let length = max(before, index + 1);
  while (newContentRoom < length) {
    newContent = enlarge(newContent, newContentRoom, newContentRoom * 2);
    newContentRoom *= 2;
  }
  copy(newContent, contents.tuple(content), before);
  for (let at = before; at < index; at++) store32(newContent, at, 0);
  store32(newContent, index, chunk);
  while (length > 0 && load32(newContent, length - 1) === 0) length--;
  if (length === 0) return 0;
  newLow = contents.low(content);
  newHigh = contents.high(content);
  exchange(chunks, old, chunk, places.get(index));
  return contents.internAs(newContent, length, newLow, newHigh);
}

function slotOf(place: i32): i32 {
  const index = slots.numberOf(place, 0, 0) - 1;
  if (index === placeCount) places.set(placeCount++, place);
  return index;
}

function isZero(words: usize, count: i32): bool {
  for (let at = 0; at < count; at++) if (load32(words, at) !== 0) return false;
  return true;
}
