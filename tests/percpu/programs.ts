// The guests of these tests, and their twins: the same without labels, the library's sections too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CompiledProgram,
  type CompileOptions,
  compileProgram,
} from '../../src/toolchain/index.js';
import { CACHE_FOLDER } from '../guests/compile.js';
import { type Source, writeProgram } from '../guests/variants.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUESTS = join(ROOT, 'tests/percpu/guests');
const HARNESSES = join(ROOT, 'tests/check/primitives');

export interface ProgramOptions extends CompileOptions {
  /** Without labels: nothing ever restarts. */
  readonly isTwin?: boolean;
}

const programs = new Map<string, Promise<CompiledProgram>>();

/**
 * A main for all `names`, compiled once for all tests of a file. It runs what its arguments say: the name,
 * "laws" or "hammer", times.
 */
export function compileGuests(
  names: readonly string[],
  options: ProgramOptions,
): Promise<CompiledProgram> {
  return compileOnce(GUESTS, { path: 'main.ts', text: mainOf(names) }, options);
}

/** What the checker proves a primitive with. */
export function compileHarness(name: string, options: ProgramOptions): Promise<CompiledProgram> {
  const path = `${name}.ts`;
  const text = readFileSync(join(HARNESSES, path), 'utf8');
  const settings = { metering: 'instruction', optimizeLevel: 3, ...options } as const;
  return compileOnce(HARNESSES, { path, text }, settings);
}

function mainOf(names: readonly string[]): string {
  const modules = names.map((name, index) => ({ name, local: `primitive${index}` }));
  return `// @ts-nocheck AssemblyScript
import { rseq } from 'wasm-rseq/assembly';
import { isArgument } from './arguments';
${modules.map(({ name, local }) => `import * as ${local} from './${name}';`).join('\n')}
export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const isLaws = isArgument(1, 'laws');
${modules
  .map(({ name, local }) => {
    const call = `isLaws ? ${local}.laws() : ${local}.hammer()`;
    return `  if (isArgument(0, '${name}')) return ${call};`;
  })
  .join('\n')}
  return -1;
}
`;
}

function compileOnce(
  folder: string,
  main: Source,
  { isTwin = false, ...options }: ProgramOptions,
): Promise<CompiledProgram> {
  const key = JSON.stringify([folder, main, isTwin, options]);
  const compile = (): Promise<CompiledProgram> => {
    const { libraryFolder, ...written } = writeProgram(folder, isTwin ? 'twin' : 'plain', main);
    return compileProgram(join(written.folder, main.path), {
      cacheFolder: CACHE_FOLDER,
      ...(libraryFolder !== undefined && { libraryFolder }),
      ...options,
    });
  };
  const program = programs.get(key) ?? compile();
  programs.set(key, program);
  return program;
}
