// Compiling and running the guests of these tests.

import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { AbiName, CodeMap } from '../../src/abi/index.js';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import { type CompileOptions, compileProgram } from '../../src/toolchain/index.js';
import { compileSource } from '../guests/compile.js';

const GUESTS = fileURLToPath(new URL('guests', import.meta.url));
/** A section that is longer than the slices restarts for ever, which is legal. */
const FUEL_LIMIT = 2e7;
const FOLDER = join(tmpdir(), 'wasm-rseq-tests');

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** The guest `guests/NAME.ts`, compiled once for all tests of a file. */
export function compileGuest(name: string, options: CompileOptions): Promise<WebAssembly.Module> {
  return compileIn(GUESTS, name, options);
}

/** The same with the labels removed from its sections: no thread is ever sent back. */
export function compileTwin(name: string, options: CompileOptions): Promise<WebAssembly.Module> {
  return compileIn(writeTwins(), name, options);
}

/** A guest of a few lines. */
export async function compileText(
  source: string,
  options: CompileOptions,
): Promise<WebAssembly.Module> {
  const { wasm } = await compileSource(source, options);
  return WebAssembly.compile(wasm as BufferSource);
}

async function compileIn(folder: string, name: string, options: CompileOptions) {
  const key = JSON.stringify([folder, name, options]);
  const compile = async (): Promise<WebAssembly.Module> => {
    const file = join(folder, `${name}.ts`);
    const { wasm } = await compileProgram(file, { cacheFolder: join(FOLDER, 'cache'), ...options });
    return WebAssembly.compile(wasm as BufferSource);
  };
  const module = modules.get(key) ?? compile();
  modules.set(key, module);
  return module;
}

/** A folder of all guests without labels. */
function writeTwins(): string {
  const sources = readdirSync(GUESTS).map((name): [string, string] => {
    const source = readFileSync(join(GUESTS, name), 'utf8');
    return [name, source.replace(/rseq\.(start|end)\(\);/g, '').replace(/rseq\.restart\(\)/g, '0')];
  });
  const digest = createHash('sha256').update(JSON.stringify(sources)).digest('hex').slice(0, 16);
  const folder = join(FOLDER, digest);
  mkdirSync(folder, { recursive: true });
  for (const [name, source] of sources) {
    // Each file appears whole: other test files may be compiling it.
    const temporary = join(folder, randomUUID());
    writeFileSync(temporary, source);
    renameSync(temporary, join(folder, name));
  }
  return folder;
}

export interface RunOptions extends Omit<HostOptions, 'wasm' | 'args' | 'onOutput'> {
  /** Its arguments. */
  readonly numbers?: readonly number[];
}

export interface Run {
  readonly result: Result;
  readonly printed: readonly number[];
  readonly map: CodeMap;
}

/** Run a guest to its end. It prints numbers, if anything. */
export async function run(
  wasm: WebAssembly.Module,
  { numbers = [], ...options }: RunOptions,
): Promise<Run> {
  const printed: number[] = [];
  const onOutput = (_fd: number, bytes: Uint8Array): void => {
    printed.push(Number(new TextDecoder().decode(bytes)));
  };
  const args = numbers.map(String);
  const host = await createHost({ wasm, fuelLimit: FUEL_LIMIT, args, onOutput, ...options });
  return { result: host.run(), printed, map: host.map };
}

/** CPUs for a program of `abi`: ras makes no claim for more than one. */
export function cpusFor(abi: AbiName, cpus: number): number {
  return abi === 'ras' ? 1 : cpus;
}

/** Some thread was sent back. percpu-signal's go back by themselves, which nobody counts. */
export function expectRestarts({ restarts }: Result, abi: AbiName): void {
  if (abi === 'percpu-signal') expect(restarts).toBe(0);
  else expect(restarts).toBeGreaterThan(0);
}
