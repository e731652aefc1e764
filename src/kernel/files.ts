// Descriptors: 0 is standard input, 1 and 2 the console, from 3 on files that the host has given by name.
// What is in them is there from the beginning and does not change.

import { Errno } from '../abi/errno.js';
import { OpenFlag } from '../abi/syscall.js';
import type { WordReader, WordWriter } from './words.js';

export type OutputListener = (fd: number, bytes: Uint8Array) => void;

/** What a program can open: its path, UTF-8, and what is in it. */
export interface GuestFile {
  readonly path: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface FileOptions {
  readonly stdin?: Uint8Array;
  readonly files?: readonly GuestFile[];
  readonly onOutput?: OutputListener;
  /** Bytes that the program may write in all; any number unless given. */
  readonly outputLimit?: number;
}

/** A descriptor that can be read. */
interface OpenFile {
  readonly bytes: Uint8Array;
  /** Which of the files it is, from 1; 0 is standard input. */
  readonly number: number;
  position: number;
}

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
/** Descriptors that a process may have. */
const MOST_OPEN = 1024;

export class Files {
  readonly #files: readonly GuestFile[];
  readonly #stdin: Uint8Array;
  readonly #onOutput: OutputListener;
  readonly #open = new Map<number, OpenFile>();
  /** All descriptors below are open. */
  #lowest = STDIN;
  #outputLeft: number;

  constructor(options: FileOptions) {
    const { stdin = new Uint8Array(), files = [], onOutput = () => {} } = options;
    this.#outputLeft = options.outputLimit ?? Number.POSITIVE_INFINITY;
    this.#stdin = stdin;
    this.#files = files;
    this.#onOutput = onOutput;
    this.#open.set(STDIN, { bytes: stdin, number: 0, position: 0 });
  }

  /** The lowest free descriptor. Errors: ENOENT no such file; EROFS not only for reading; EMFILE too many. */
  open(path: Uint8Array, flags: number): number {
    const index = this.#files.findIndex((file) => isEqual(file.path, path));
    const file = this.#files[index];
    if (file === undefined) return -Errno.ENOENT;
    if ((flags & OpenFlag.AccessMode) !== OpenFlag.ReadOnly) return -Errno.EROFS;
    let fd = this.#lowest;
    while (isOutput(fd) || this.#open.has(fd)) fd++;
    this.#lowest = fd;
    if (fd === MOST_OPEN) return -Errno.EMFILE;
    this.#open.set(fd, { bytes: file.bytes, number: index + 1, position: 0 });
    return fd;
  }

  /** Errors: EBADF. Standard output and error stay. */
  close(fd: number): number {
    if (!this.#open.delete(fd)) return -Errno.EBADF;
    this.#lowest = Math.min(this.#lowest, fd);
    return 0;
  }

  /** At most `length` bytes that have not been read; undefined: there is nothing to read there. */
  peek(fd: number, length: number): Uint8Array | undefined {
    const file = this.#open.get(fd);
    return file?.bytes.subarray(file.position, file.position + length);
  }

  /** Count `length` bytes as read; returns it. */
  advance(fd: number, length: number): number {
    const file = this.#open.get(fd);
    if (file !== undefined) file.position += length;
    return length;
  }

  /** Bytes that may still be written. */
  get outputLeft(): number {
    return this.#outputLeft;
  }

  /** Preconditions: no more than may still be written. */
  write(fd: number, bytes: Uint8Array): void {
    this.#outputLeft -= bytes.length;
    this.#onOutput(fd, bytes);
  }

  save(to: WordWriter): void {
    to.list([...this.#open].sort(byDescriptor), ([fd, { number, position }]) => {
      to.word(fd);
      to.word(number);
      to.word(position);
    });
  }

  load(from: WordReader): void {
    this.#open.clear();
    this.#lowest = STDIN;
    for (const [fd, number, position] of from.list(() => [from.word(), from.word(), from.word()])) {
      const bytes = number === 0 ? this.#stdin : this.#files[(number as number) - 1]?.bytes;
      if (bytes === undefined) continue;
      this.#open.set(fd as number, {
        bytes,
        number: number as number,
        position: position as number,
      });
    }
  }
}

/** Can a program write to it? */
export function isOutput(fd: number): boolean {
  return fd === STDOUT || fd === STDERR;
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function byDescriptor(
  [one]: readonly [number, unknown],
  [other]: readonly [number, unknown],
): number {
  return one - other;
}
