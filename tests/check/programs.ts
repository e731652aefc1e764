// The programs of the corpus, compiled to be checked.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckOptions } from '../../src/check/index.js';
import { compileProgram, type CompiledProgram } from '../../src/toolchain/index.js';
import { CACHE_FOLDER } from '../guests/compile.js';
import { compileWithoutTransform, lowerLate } from '../guests/late.js';
import type { CorpusEntry } from '../corpus/manifest.js';

const CORPUS_FOLDER = 'tests/corpus';

export type Side = 'right' | 'wrong';

export async function compileEntry(
  entry: CorpusEntry,
  side: Side,
): Promise<Pick<CompiledProgram, 'wasm'> & Partial<CompiledProgram>> {
  const file = join(CORPUS_FOLDER, entry.name, `${side}.ts`);
  const options = { metering: 'instruction', abi: entry.abi ?? 'turner' } as const;
  if (side === 'wrong' && entry.lowering === 'late') {
    return { wasm: lowerLate(await compileWithoutTransform(readFileSync(file, 'utf8')), options) };
  }
  return compileProgram(file, { ...options, optimizeLevel: 3, cacheFolder: CACHE_FOLDER });
}

export function optionsOf({ cpus, signals, preemptions }: CorpusEntry): CheckOptions {
  return {
    cpus,
    ...(signals !== undefined && { signals }),
    ...(preemptions !== undefined && { preemptions }),
  };
}
