// The traces of a folder, unpacked: for the guests in memory, for the rivals in C in a file.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ROOT } from './programs.js';

/** The first records of three traces. */
export const FIXTURES = resolve(ROOT, 'examples/malloc-replay/traces');

const EXTENSION = /\.mtr(\.gz)?$/;
const HEADER_BYTES = 16;

/** A folder that has no traces, or what is no trace. */
export class TracesError extends Error {}

/** Name, bytes, file, records and peak of live bytes of each. Errors: TracesError. */
export function readTraces(folder) {
  const names = namesIn(folder);
  if (names.length === 0) throw new TracesError(`${folder}: no *.mtr.gz or *.mtr`);
  const unpacked = mkdtempSync(join(tmpdir(), 'wasm-rseq-bench-'));
  process.on('exit', () => rmSync(unpacked, { recursive: true, force: true }));
  return names.map((name) => readTrace(join(folder, name), unpacked, name.replace(EXTENSION, '')));
}

function namesIn(folder) {
  try {
    return readdirSync(folder)
      .filter((name) => EXTENSION.test(name))
      .sort();
  } catch (error) {
    throw new TracesError(`${folder}: ${error.message}`, { cause: error });
  }
}

function readTrace(path, folder, name) {
  const bytes = unpack(path);
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 4) !== 'MTR1')
    throw new TracesError(`${path}: no trace`);
  const file = join(folder, `${name}.mtr`);
  writeFileSync(file, bytes);
  return { name, bytes, file, records: bytes.readUInt32LE(4), peakLive: bytes.readUInt32LE(12) };
}

function unpack(path) {
  const bytes = readFileSync(path);
  if (!path.endsWith('.gz')) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new TracesError(`${path}: ${error.message}`, { cause: error });
  }
}
