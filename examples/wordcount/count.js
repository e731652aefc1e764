// Counting words on virtual CPUs: compile a guest of this folder, run it, add up the slots it wrote.

import { fileURLToPath } from 'node:url';
import { createHost } from 'wasm-rseq';
import { compileProgram } from 'wasm-rseq/toolchain';

const CACHE_FOLDER = fileURLToPath(new URL('../../node_modules/.cache/wasm-rseq', import.meta.url));
const SLOT_BYTES = 16;
const SLOT_COUNT = 8;
const SLOT_OFFSET = 12;
/** Pages: all there are but the host's. */
const MEMORY_LIMIT = 65532;

/** The three guests; `isExact` is what each must turn out to be. */
export const WAYS = [
  { name: 'sections', file: 'sections.ts', isExact: true },
  { name: 'no labels', file: 'unprotected.ts', isExact: false },
  { name: 'atomics', file: 'atomics.ts', isExact: true },
];

/** @param {import('./count.js').Way} way */
export function compileWay({ file }) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return compileProgram(path, { cacheFolder: CACHE_FOLDER });
}

/**
 * The plain count that the others are checked against.
 * @param {Uint8Array} input
 */
export function countPlainly(input) {
  const counts = new Map();
  for (const [word] of latin1(input).matchAll(/[A-Za-z]+/g)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/**
 * Run a guest over `input`. Errors: OptionError; Error when the guest fails.
 * @param {import('./count.js').Program} program
 * @param {Uint8Array} input
 * @param {import('./count.js').RunOptions} options
 */
export async function countOnCpus({ wasm, sourceMap }, input, { onProgress, ...options }) {
  const blocks = [];
  const host = await createHost({
    ...options,
    wasm,
    sourceMap,
    stdin: input,
    memoryLimit: MEMORY_LIMIT,
    onOutput: (_fd, block) => blocks.push(block),
  });
  const started = performance.now();
  const result = host.run(onProgress);
  const milliseconds = performance.now() - started;
  if (!result.ok) throw new Error(result.failure.message);
  return { counts: addUp(blocks, latin1(input)), milliseconds, result };
}

/**
 * How far `counts` is from `expected`.
 * @param {Map<string, number>} expected
 * @param {Map<string, number>} counts
 */
export function compare(expected, counts) {
  const words = new Set([...expected.keys(), ...counts.keys()]);
  const wrongWords = [...words].filter((word) => expected.get(word) !== counts.get(word));
  return { lost: total(expected) - total(counts), wrongWords: wrongWords.length };
}

/** @param {Map<string, number>} counts */
export function total(counts) {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

/** A word may have a slot in the table of every CPU. */
function addUp(blocks, text) {
  const counts = new Map();
  const wordAt = /[A-Za-z]+/y;
  for (const block of blocks) {
    const slots = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let slot = 0; slot < block.byteLength; slot += SLOT_BYTES) {
      wordAt.lastIndex = slots.getUint32(slot + SLOT_OFFSET, true);
      const word = wordAt.exec(text)?.[0] ?? '';
      counts.set(word, (counts.get(word) ?? 0) + slots.getUint32(slot + SLOT_COUNT, true));
    }
  }
  return counts;
}

/** One character a byte, so that offsets in both are the same. */
function latin1(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
