// The files that a user names: read and written with errors that say which file and why.

import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/** What the user gave cannot be used. The message is one line and the whole of what is printed. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** Stands for standard input where a file to read is named. */
const STDIN_NAME = '-';
const STDIN = 0;
const CHUNK_BYTES = 1 << 20;
const ENDLESS_BYTES = 1 << 28;

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
  return attempt('read', path, () => readBounded(path === STDIN_NAME ? STDIN : path, path));
}

/**
 * What is in those of `names` that are files, by name. For the arguments of a program: these files it may
 * open, and no others; a name that is no file is an argument like any other. Errors: InputError.
 */
export function readFiles(names: readonly string[]): Record<string, Uint8Array> {
  return Object.fromEntries(names.filter(isFile).map((name) => [name, readBytes(name)]));
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    // Nothing is there, or nothing can be: too long, or below what is no folder.
    return false;
  }
}

/** A device or a pipe may have no end. */
function readBounded(source: string | number, path: string): Uint8Array {
  const descriptor = typeof source === 'number' ? source : openSync(source, 'r');
  try {
    if (fstatSync(descriptor).isFile()) return readFileSync(descriptor);
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const length = readSync(descriptor, chunk);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
      total += length;
      if (total > ENDLESS_BYTES) {
        throw new InputError(`cannot read ${path}: over ${ENDLESS_BYTES} bytes, and no file`);
      }
    }
  } finally {
    if (descriptor !== STDIN) closeSync(descriptor);
  }
}

/** Errors: InputError. */
export function readText(path: string): string {
  return new TextDecoder().decode(readBytes(path));
}

/** The text of a file that need not be there. Errors: InputError when it is, but cannot be read. */
export function readTextIfPresent(path: string): string | undefined {
  try {
    return readText(path);
  } catch (error) {
    const { cause } = error as InputError;
    if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Errors: InputError. */
export function writeFile(path: string, contents: Uint8Array | string): void {
  attempt('write', path, () => writeFileSync(path, contents));
}

/** Fail now, not after a long run; what the file holds stays, and none is left. Errors: InputError. */
export function requireWritable(path: string): void {
  attempt('write', path, () => {
    const isThere = existsSync(path);
    closeSync(openSync(path, 'a'));
    if (!isThere) rmSync(path);
  });
}

/** Errors: InputError when writing `output` would overwrite `input`. */
export function requireOther(output: string, input: string): void {
  const isSame = attempt(
    'read',
    input,
    () => existsSync(output) && realpathSync(input) === realpathSync(output),
  );
  if (isSame) throw new InputError(`${output} is the input; it would be overwritten`);
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
    throw error instanceof InputError ? error : complaint(verb, path, error);
  }
}

function complaint(verb: string, path: string, cause: unknown): InputError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  return new InputError(
    `cannot ${verb} ${path === '' ? '""' : path}: ${REASONS[code] ?? message}`,
    { cause },
  );
}
