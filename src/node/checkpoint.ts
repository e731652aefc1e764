// The file a check is resumed from: a line of JSON, a line feed, and the fingerprints of the states that
// have been looked at, 8 bytes each, little endian.

import { createHash } from 'node:crypto';
import { InputError, readBytes, writeFile } from './files.js';
import type { Checkpoint, ParallelCheckOptions } from './parallel-check.js';

const FORMAT = 'wasm-rseq check 5';
const LINE_FEED = 10;

/** What a check is of: the same module, and options that lead to the same states. */
type Subject = readonly [wasm: Uint8Array, options: ParallelCheckOptions];

/** Write where a check of `wasm` with `options` was stopped to the file `path`. Errors: InputError. */
export function writeCheckpoint(path: string, checkpoint: Checkpoint, ...subject: Subject): void {
  const { fingerprints, ...rest } = checkpoint;
  const words = fingerprints.length;
  const head = JSON.stringify({ format: FORMAT, subject: digest(...subject), words, ...rest });
  const line = new TextEncoder().encode(`${head}\n`);
  const bytes = new Uint8Array(line.length + fingerprints.byteLength);
  bytes.set(line);
  const view = new DataView(bytes.buffer, line.length);
  fingerprints.forEach((word, index) => view.setInt32(index * 4, word, true));
  writeFile(path, bytes);
}

/** The same for a check that goes on. Errors: InputError when the file is none of ours, or of something else. */
export function readCheckpoint(path: string, ...subject: Subject): Checkpoint {
  const bytes = readBytes(path);
  const end = bytes.indexOf(LINE_FEED);
  const head = parse(path, new TextDecoder().decode(bytes.subarray(0, Math.max(0, end))));
  if (head['subject'] !== digest(...subject)) {
    throw new InputError(`${path} is of another program, or of other options`);
  }
  const words = (bytes.length - end - 1) / 4;
  if (words !== head['words']) throw new InputError(`${path} is cut short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + end + 1);
  const fingerprints = Int32Array.from({ length: words }, (_, index) =>
    view.getInt32(index * 4, true),
  );
  return { ...(head as unknown as Checkpoint), fingerprints };
}

function parse(path: string, line: string): Record<string, unknown> {
  try {
    const head = JSON.parse(line) as Record<string, unknown>;
    if (head['format'] === FORMAT) return head;
  } catch {
    // Not even JSON.
  }
  throw new InputError(`${path} is no file to resume a check from`);
}

function digest(...[wasm, options]: Subject): string {
  const { cpus, abi, signals, reductions, threads, args, memoryLimit, shard, stdin = [] } = options;
  const relevant = { cpus, abi, signals, reductions, threads, args, memoryLimit, shard };
  const hash = createHash('sha256').update(wasm).update(JSON.stringify(relevant));
  return hash.update(Uint8Array.from(stdin)).digest('hex');
}
