// Compiling and running the guests of these tests.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { AbiName, CodeMap } from '../../src/abi/index.js';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import { type CompileOptions, compileProgram } from '../../src/toolchain/index.js';
import { CACHE_FOLDER, compileSource } from '../guests/compile.js';
import { type Variant, writeProgram } from '../guests/variants.js';

const GUESTS = fileURLToPath(new URL('guests', import.meta.url));
/** A section that is longer than the slices restarts for ever, which is legal. */
const FUEL_LIMIT = 2e7;
const PARAM_TEST = fileURLToPath(new URL('../../examples/param-test', import.meta.url));

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** The guest `guests/NAME.ts`, compiled once for all tests of a file. */
export function compileGuest(
  name: string,
  options: CompileOptions,
  variant: Variant = 'plain',
): Promise<WebAssembly.Module> {
  return compileIn(GUESTS, name, variant, options);
}

/** examples/param-test, likewise. */
export function compileParamTest(
  options: CompileOptions,
  variant: Variant = 'plain',
): Promise<WebAssembly.Module> {
  return compileIn(PARAM_TEST, 'main', variant, options);
}

/** A guest of a few lines. */
export async function compileText(
  source: string,
  options: CompileOptions,
): Promise<WebAssembly.Module> {
  const { wasm } = await compileSource(source, options);
  return WebAssembly.compile(wasm as BufferSource);
}

function compileIn(folder: string, name: string, variant: Variant, options: CompileOptions) {
  const key = JSON.stringify([folder, name, variant, options]);
  const compile = async (): Promise<WebAssembly.Module> => {
    const written = writeProgram(folder, variant);
    const settings = {
      cacheFolder: CACHE_FOLDER,
      ...(written.libraryFolder !== undefined && { libraryFolder: written.libraryFolder }),
      ...options,
    };
    const { wasm } = await compileProgram(join(written.folder, `${name}.ts`), settings);
    return WebAssembly.compile(wasm as BufferSource);
  };
  const module = modules.get(key) ?? compile();
  modules.set(key, module);
  return module;
}

export interface RunOptions extends Omit<HostOptions, 'wasm' | 'args' | 'onOutput'> {
  /** Its arguments. */
  readonly args?: readonly string[];
  readonly numbers?: readonly number[];
}

export interface Run {
  readonly result: Result;
  readonly printed: readonly number[];
  readonly map: CodeMap;
}

/** Run a guest to its end. Lines that it prints and that are no numbers are NaN. */
export async function run(
  wasm: WebAssembly.Module,
  { numbers = [], args = numbers.map(String), ...options }: RunOptions,
): Promise<Run> {
  const printed: number[] = [];
  const onOutput = (_fd: number, bytes: Uint8Array): void => {
    printed.push(Number(new TextDecoder().decode(bytes)));
  };
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
