// The files that a command line names: read and written with errors that say which file and why.

import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';

/** What the user gave cannot be used. The message is one line and the whole of what is printed. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** Stands for standard input where a file to read is named. */
const STDIN_NAME = '-';
const STDIN = 0;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'too many symbolic links',
  ENOSPC: 'no space left',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the name is too long',
};

/** Errors: InputError. */
export function readBytes(path: string): Uint8Array {
  return attempt('read', path, () => readFileSync(path === STDIN_NAME ? STDIN : path));
}

/** Errors: InputError. */
export function readText(path: string): string {
  return new TextDecoder().decode(readBytes(path));
}

/** The text of a file that need not be there. Errors: InputError when it is, but cannot be read. */
export function readTextIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw complaint('read', path, error);
  }
}

/** Errors: InputError. */
export function writeFile(path: string, contents: Uint8Array | string): void {
  attempt('write', path, () => writeFileSync(path, contents));
}

/** Fail now, not after a long run; what the file holds stays. Errors: InputError. */
export function requireWritable(path: string): void {
  attempt('write', path, () => closeSync(openSync(path, 'a')));
}

const BUFFER_CHARACTERS = 65536;

/** A text file written piece by piece, so that its size is no matter of memory. */
export class TextFile {
  readonly #path: string;
  readonly #descriptor: number;
  #pieces: string[] = [];
  #characters = 0;

  /** Errors: InputError, here and in every method, when the file cannot be written. */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = attempt('write', path, () => openSync(path, 'w'));
  }

  write(text: string): void {
    this.#pieces.push(text);
    this.#characters += text.length;
    if (this.#characters >= BUFFER_CHARACTERS) this.#flush();
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #flush(): void {
    const bytes = new TextEncoder().encode(this.#pieces.join(''));
    // Emptied first: a file that is full must not fail a second time when it is closed.
    this.#pieces = [];
    this.#characters = 0;
    attempt('write', this.#path, () => {
      // One call may take less than all of it.
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    });
  }
}

function attempt<T>(verb: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw complaint(verb, path, error);
  }
}

function complaint(verb: string, path: string, cause: unknown): InputError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  return new InputError(`cannot ${verb} ${path}: ${REASONS[code] ?? message}`, { cause });
}
