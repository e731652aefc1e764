// The code map: what the addresses of an instrumented module mean. The toolchain writes it into the
// custom section `rseq`; the host reads it at load and refuses a module whose map contradicts itself.
//
// Encoding: unsigned LEB128 words; a vector is its length and its items; a string is a vector of
// UTF-8 bytes. docs/abi.md, CODE MAP, lists the words in order.

import { CODE_BASE, CONTRACT_VERSION } from './module.js';

// The two names every engine with WebAssembly has; this layer compiles without the DOM types.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

/** Where interruption points stand outside sections; inside they are always exact. */
export type Metering = 'instruction' | 'block';

/** The ABIs by the names that people give them; the index is the number in `Abi`. */
export const ABI_NAMES = [
  'turner',
  'google',
  'event-counter',
  'percpu-signal',
  'linux',
  'linux-v2',
  'ras',
] as const;
export type AbiName = (typeof ABI_NAMES)[number];

/** One code address. `file` is '' and `line` 0 where the module carried no source locations. */
export interface CodePoint {
  readonly function: string;
  readonly file: string;
  readonly line: number;
}

/** A restartable sequence: half-open range of addresses, and the address of its restart label. */
export interface SectionEntry {
  readonly start: number;
  readonly end: number;
  readonly restart: number;
  /**
   * A quantum above this is enough: instructions on the longest way through the loop that the restart
   * label heads, inner loops counted once.
   */
  readonly fuel: number;
  /** Instructions between the labels, a line each: `0x1001 i32.load offset=4`. */
  readonly listing: readonly string[];
}

export interface CodeMap {
  readonly version: number;
  readonly metering: Metering;
  /** What the sections were compiled for. */
  readonly abi: AbiName;
  /** Range that holds every section, and the address of the common restart handler. */
  readonly critical: { readonly start: number; readonly end: number; readonly restart: number };
  /** Pages the guest declared: initial, and maximum or 0 when it declared none. */
  readonly memory: { readonly initial: number; readonly maximum: number };
  readonly sections: readonly SectionEntry[];
  /** Address CODE_BASE + i is points[i]. */
  readonly points: readonly CodePoint[];
}

/** The code map is missing, cut short or contradicts itself. */
export class CodeMapError extends Error {
  override readonly name = 'CodeMapError';
}

const METERINGS: readonly Metering[] = ['block', 'instruction'];

export function encodeCodeMap(map: CodeMap): Uint8Array {
  const writer = new Writer();
  const files = indexed(map.points.map((point) => point.file));
  const functions = indexed(map.points.map((point) => point.function));
  writer.word(map.version);
  writer.word(METERINGS.indexOf(map.metering));
  writer.word(ABI_NAMES.indexOf(map.abi));
  writer.word(map.memory.initial);
  writer.word(map.memory.maximum);
  writer.word(map.critical.start);
  writer.word(map.critical.end);
  writer.word(map.critical.restart);
  writer.vector([...files.keys()], (file) => writer.string(file));
  writer.vector([...functions.keys()], (name) => writer.string(name));
  writer.vector(map.points, (point) => {
    writer.word(functions.get(point.function) as number);
    writer.word(files.get(point.file) as number);
    writer.word(point.line);
  });
  writer.vector(map.sections, (section) => {
    writer.word(section.start);
    writer.word(section.end);
    writer.word(section.restart);
    writer.word(section.fuel);
    writer.vector(section.listing, (line) => writer.string(line));
  });
  return writer.bytes();
}

/** Decode and check. Errors: CodeMapError that names the entry, its value and the rule it breaks. */
export function decodeCodeMap(bytes: Uint8Array): CodeMap {
  const reader = new Reader(bytes);
  const version = reader.word();
  if (version !== CONTRACT_VERSION) {
    throw new CodeMapError(
      `code map version ${version} is not ${CONTRACT_VERSION}, the one this host speaks`,
    );
  }
  const metering = METERINGS[reader.word()];
  if (metering === undefined) throw new CodeMapError('code map metering is neither 0 nor 1');
  const abi = item(ABI_NAMES, reader.word(), 'abi');
  const memory = { initial: reader.word(), maximum: reader.word() };
  if (memory.maximum !== 0 && memory.maximum < memory.initial) {
    throw new CodeMapError(`memory maximum ${memory.maximum} is below initial ${memory.initial}`);
  }
  const critical = { start: reader.word(), end: reader.word(), restart: reader.word() };
  const files = reader.vector(() => reader.string());
  const functions = reader.vector(() => reader.string());
  const points = reader.vector(() => ({
    function: item(functions, reader.word(), 'function'),
    file: item(files, reader.word(), 'file'),
    line: reader.word(),
  }));
  const sections = reader.vector(() => ({
    start: reader.word(),
    end: reader.word(),
    restart: reader.word(),
    fuel: reader.word(),
    listing: reader.vector(() => reader.string()),
  }));
  reader.finish();
  const map: CodeMap = { version, metering, abi, memory, critical, sections, points };
  validateCodeMap(map);
  return map;
}

/** Errors: CodeMapError when addresses are out of range, overlap, or leave their function. */
export function validateCodeMap(map: CodeMap): void {
  let previousEnd = 0;
  const sorted = [...map.sections].sort((a, b) => a.start - b.start);
  for (const section of sorted) {
    validateSection(map, section);
    if (section.start < previousEnd) {
      throw new CodeMapError(
        `section ${hex(section.start)} overlaps the one that ends at ${hex(previousEnd)}`,
      );
    }
    previousEnd = section.end;
  }
  const { start, end, restart } = map.critical;
  if (sorted.length === 0) return;
  if (start >= end) {
    throw new CodeMapError(`critical end ${hex(end)} must exceed start ${hex(start)}`);
  }
  requirePoint(map, restart, 'critical restart');
  if (restart >= start && restart < end) {
    throw new CodeMapError(`critical restart ${hex(restart)} is inside the critical range`);
  }
}

function validateSection(map: CodeMap, section: SectionEntry): void {
  const name = `section ${hex(section.start)}`;
  if (section.start >= section.end) {
    throw new CodeMapError(
      `section end ${hex(section.end)} must exceed start ${hex(section.start)}`,
    );
  }
  const owner = requirePoint(map, section.start, `${name} start`).function;
  for (const ip of [section.end, section.restart]) {
    if (requirePoint(map, ip, name).function !== owner) {
      throw new CodeMapError(`${name}: address ${hex(ip)} is outside its function ${owner}`);
    }
  }
  if (section.restart >= section.start && section.restart < section.end) {
    throw new CodeMapError(`${name}: restart ${hex(section.restart)} is inside the section`);
  }
  if (section.start < map.critical.start || section.end > map.critical.end) {
    throw new CodeMapError(`${name} is outside the critical range`);
  }
}

function requirePoint(map: CodeMap, ip: number, what: string): CodePoint {
  const point = map.points[ip - CODE_BASE];
  if (point === undefined) {
    const last = CODE_BASE + map.points.length;
    throw new CodeMapError(
      `${what}: address ${hex(ip)} is outside the code [${hex(CODE_BASE)}, ${hex(last)})`,
    );
  }
  return point;
}

/** The point at `ip`, or undefined when `ip` is not code. */
export function pointAt(map: CodeMap, ip: number): CodePoint | undefined {
  return map.points[ip - CODE_BASE];
}

/** The section whose half-open range holds `ip`. */
export function sectionAt(map: CodeMap, ip: number): SectionEntry | undefined {
  for (let index = 0; index < map.sections.length; index++) {
    const section = map.sections[index] as SectionEntry;
    if (ip >= section.start && ip < section.end) return section;
  }
  return undefined;
}

/** `function (file:line)`, as every message and listing of the tool writes a place. */
export function formatPlace(point: CodePoint | undefined): string {
  if (point === undefined) return 'unknown code';
  return point.file === '' ? point.function : `${point.function} (${point.file}:${point.line})`;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function item<T extends string>(items: readonly T[], index: number, what: string): T {
  const value = items[index];
  if (value === undefined)
    throw new CodeMapError(`code map ${what} index ${index} is out of range`);
  return value;
}

function indexed(names: readonly string[]): Map<string, number> {
  const indices = new Map<string, number>();
  for (const name of names) if (!indices.has(name)) indices.set(name, indices.size);
  return indices;
}

class Writer {
  readonly #bytes: number[] = [];

  word(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#bytes.push(rest);
  }

  string(text: string): void {
    this.vector([...new TextEncoder().encode(text)], (byte) => this.#bytes.push(byte));
  }

  vector<T>(items: readonly T[], write: (item: T) => void): void {
    this.word(items.length);
    for (const each of items) write(each);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

class Reader {
  #at = 0;
  constructor(readonly source: Uint8Array) {}

  word(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
      if (shift === 28) throw new CodeMapError('code map word exceeds 32 bits');
    }
    if (value > 0xffffffff) throw new CodeMapError('code map word exceeds 32 bits');
    return value;
  }

  string(): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      Uint8Array.from(this.vector(() => this.#byte())),
    );
  }

  vector<T>(read: () => T): T[] {
    const length = this.word();
    // Every item is at least one byte: a longer vector is a lie, refused before it allocates.
    if (length > this.source.length - this.#at) {
      throw new CodeMapError(`code map vector of ${length} items exceeds the section`);
    }
    return Array.from({ length }, read);
  }

  finish(): void {
    if (this.#at !== this.source.length) {
      throw new CodeMapError(`code map has ${this.source.length - this.#at} bytes too many`);
    }
  }

  #byte(): number {
    const byte = this.source[this.#at++];
    if (byte === undefined) throw new CodeMapError('code map ends in the middle of a word');
    return byte;
  }
}
