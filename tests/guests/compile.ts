// Compiling guests for tests: source text in, instrumented module out, cached by content so that a
// second run of the suite compiles nothing.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost, type Host, type HostOptions } from '../../src/host/index.js';
import {
  type CompiledProgram,
  type CompileOptions,
  compileProgram,
} from '../../src/toolchain/index.js';

const FOLDER = join(tmpdir(), 'wasm-rseq-tests');
export const CACHE_FOLDER: string = join(FOLDER, 'cache');

/** Write `source` to a file of its own, named `guest.ts`, and return its path. */
export function writeGuest(source: string): string {
  const digest = createHash('sha256').update(source).digest('hex').slice(0, 16);
  const folder = join(FOLDER, digest);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'guest.ts');
  writeFileSync(file, source);
  return file;
}

export function compileSource(
  source: string,
  options: CompileOptions = {},
): Promise<CompiledProgram> {
  return compileProgram(writeGuest(source), { cacheFolder: CACHE_FOLDER, ...options });
}

/** Compile, and boot a host around it that collects what the guest prints. */
export async function bootSource(
  source: string,
  options: Omit<HostOptions, 'wasm'> = {},
  compileOptions: CompileOptions = {},
): Promise<Host & { readonly printed: string[] }> {
  const program = await compileSource(source, compileOptions);
  return bootProgram(program, options);
}

export async function bootProgram(
  { wasm, sourceMap }: CompiledProgram,
  options: Omit<HostOptions, 'wasm'> = {},
): Promise<Host & { readonly printed: string[] }> {
  const printed: string[] = [];
  const onOutput = (_fd: number, bytes: Uint8Array): void => {
    printed.push(new TextDecoder().decode(bytes).trimEnd());
  };
  const host = await createHost({ wasm: wasm as BufferSource, sourceMap, onOutput, ...options });
  return { ...host, printed };
}
