// A schedule: every choice of a run in order, as a value and as a short text.
//
// Text: `s1.` and base64url of LEB128 words, two a slice: tid * 256 + cpu, then fuel. Fuel 0 is followed by
// the event. `c1.` is the same of a run in which instructions take no time.

import { MAX_CPUS } from './cpu-set.js';
import { type Choice, CPU_LOST } from './scheduler.js';

/** The guest counts fuel in a signed 32-bit word, and may overshoot by what one block costs. */
export const MAX_SLICE_FUEL: number = 2 ** 30;

/** Three words, none above 42 bits. */
const MAX_SLICE_BYTES = 18;

/** Bytes of a schedule that is kept, some twenty million slices: a program that yields for ever fills no host. */
const MAX_BYTES = 2 ** 26;

/** What time a run takes: an instruction a nanosecond, or none but until the next timer. */
export type Timekeeping = 'instructions' | 'events';

const PREFIXES: Readonly<Record<Timekeeping, string>> = { instructions: 's1.', events: 'c1.' };
const PREFIX_LENGTH = 3;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The text is not a schedule. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
}

/** Grows while a run goes on: append only. One that gets too long is forgotten. */
export class Schedule {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #slices = 0;

  constructor(readonly time: Timekeeping = 'instructions') {}

  /** Slices so far. */
  get length(): number {
    return this.#slices;
  }

  /** False when it was too long to be kept. */
  get isKept(): boolean {
    return this.#bytes.length > 0;
  }

  append(choice: Choice): void {
    this.#slices++;
    if (this.#length + MAX_SLICE_BYTES > this.#bytes.length && !this.#grow()) return;
    this.#word(choice.tid * MAX_CPUS + choice.cpu);
    this.#word(choice.fuel);
    if (choice.fuel === 0) this.#word(choice.event ?? 0);
  }

  /** Begin anew. */
  clear(): void {
    if (!this.isKept) this.#bytes = new Uint8Array(1024);
    this.#length = 0;
    this.#slices = 0;
  }

  /** Errors: ScheduleError when it was not kept. */
  toString(): string {
    if (!this.isKept) throw new ScheduleError(`schedule of ${this.#slices} slices was not kept`);
    return PREFIXES[this.time] + toBase64(this.#bytes.subarray(0, this.#length));
  }

  /** Errors: ScheduleError when the text is no schedule. */
  static timeOf(text: string): Timekeeping {
    const prefix = text.slice(0, PREFIX_LENGTH);
    if (prefix === PREFIXES.instructions) return 'instructions';
    if (prefix === PREFIXES.events) return 'events';
    throw new ScheduleError(
      `schedule ${JSON.stringify(text.slice(0, 12))} must start with ${PREFIXES.instructions}`,
    );
  }

  /** Errors: ScheduleError when the text is cut short or not a schedule. */
  static parse(text: string): Choice[] {
    Schedule.timeOf(text);
    const words = decodeWords(fromBase64(text.slice(PREFIX_LENGTH)));
    const choices: Choice[] = [];
    for (let at = 0; at < words.length; ) {
      const choice = readSlice(words, at, choices.length);
      choices.push(choice);
      at += choice.event === undefined ? 2 : 3;
    }
    return choices;
  }

  /** False when there is no more room. */
  #grow(): boolean {
    const isKept = this.#bytes.length > 0 && this.#bytes.length < MAX_BYTES;
    const larger = new Uint8Array(isKept ? this.#bytes.length * 2 : 0);
    if (isKept) larger.set(this.#bytes);
    this.#bytes = larger;
    return isKept;
  }

  #word(value: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    // Nearly all words have 31 bits, for which there are cheaper operations.
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = rest | 0x80;
    bytes[at++] = rest;
    this.#length = at;
  }
}

/** Errors: ScheduleError for a slice, the `index`th, that is cut short or cannot be. */
function readSlice(words: readonly number[], at: number, index: number): Choice {
  const [place = 0, fuel, event] = words.slice(at, at + 3);
  if (fuel === undefined || (fuel === 0 && event === undefined)) {
    throw new ScheduleError('schedule ends in the middle of a slice');
  }
  if (fuel > MAX_SLICE_FUEL) {
    const rule = `must be from 0 to ${MAX_SLICE_FUEL}`;
    throw new ScheduleError(`schedule slice ${index}: fuel ${fuel} ${rule}`);
  }
  const slice = { tid: Math.floor(place / MAX_CPUS), cpu: place % MAX_CPUS, fuel };
  if (fuel > 0) return slice;
  if ((event as number) > CPU_LOST) {
    throw new ScheduleError(`schedule slice ${index}: there is no event ${event}`);
  }
  return { ...slice, event: event as number };
}

function decodeWords(bytes: Uint8Array): number[] {
  const words: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (scale > 2 ** 42) throw new ScheduleError('schedule word exceeds 42 bits');
    if (byte < 0x80) {
      words.push(value);
      value = 0;
      scale = 1;
    }
  }
  if (scale !== 1) throw new ScheduleError('schedule ends in the middle of a word');
  return words;
}

/** Bytes that become one piece of text: a multiple of 3. */
const PIECE_BYTES = 3072;

function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    pieces.push(pieceToBase64(bytes.subarray(at, at + PIECE_BYTES)));
  }
  return pieces.join('');
}

function pieceToBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let digit = 0; digit < Math.min(4, left + 1); digit++) {
      text += DIGITS[(bits >> (18 - 6 * digit)) & 63] as string;
    }
  }
  return text;
}

function fromBase64(text: string): Uint8Array {
  if (text.length % 4 === 1) throw new ScheduleError('schedule ends in the middle of a byte');
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of text) {
    const digit = DIGITS.indexOf(letter);
    if (digit < 0) throw new ScheduleError(`schedule has ${JSON.stringify(letter)}, not base64url`);
    bits = ((bits << 6) | digit) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = (bits >> held) & 0xff;
  }
  return bytes;
}
