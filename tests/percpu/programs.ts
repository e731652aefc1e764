// The guests of these tests, and their twins: the same without labels, the library's sections too.

import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CompiledProgram,
  type CompileOptions,
  compileProgram,
} from '../../src/toolchain/index.js';
import { CACHE_FOLDER } from '../guests/compile.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUESTS = join(ROOT, 'tests/percpu/guests');
const HARNESSES = join(ROOT, 'tests/check/primitives');
const FOLDER = join(tmpdir(), 'wasm-rseq-tests');

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
    const settings = { cacheFolder: CACHE_FOLDER, ...options };
    const others = readSources(folder).filter(({ path }) => path !== main.path);
    const sources = [main, ...others];
    if (!isTwin) return compileProgram(join(writeOnce(sources), main.path), settings);
    const path = join(writeOnce(sources.map(withoutLabels)), main.path);
    return compileProgram(path, { ...settings, libraryFolder: twinLibrary() });
  };
  const program = programs.get(key) ?? compile();
  programs.set(key, program);
  return program;
}

/** A package folder with the guest library without labels. */
function twinLibrary(): string {
  const within = (folder: string): Source[] =>
    readSources(join(ROOT, folder)).map(({ path, text }) => ({ path: join(folder, path), text }));
  return writeOnce([...within('assembly').map(withoutLabels), ...within('src/abi')]);
}

interface Source {
  /** Below its folder. */
  readonly path: string;
  readonly text: string;
}

function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
}

function withoutLabels({ path, text }: Source): Source {
  const unlabelled = text
    .replaceAll(/rseq\.(start|end)\(\);/g, '')
    .replaceAll(/rseq\.restart\(\)(?!:)/g, '0');
  return { path, text: unlabelled };
}

function writeOnce(sources: readonly Source[]): string {
  const digest = createHash('sha256').update(JSON.stringify(sources)).digest('hex').slice(0, 16);
  const folder = join(FOLDER, digest);
  for (const { path, text } of sources) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    // Each file appears whole: other test files may be compiling it.
    const temporary = join(folder, randomUUID());
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  }
  return folder;
}
