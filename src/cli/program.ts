// The program a command works on: FILE.ts, compiled now or found in the cache, or FILE.wasm with the
// source map beside it.

import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { loadModule } from '../host/loader.js';
import { compileProgram } from '../toolchain/compile.js';
import { InputError, readBytes } from '../node/files.js';
import { type LoadedProgram, loadProgram, type Program } from '../node/program.js';
import type { CompileOptions } from './options.js';
import { announced } from './terminal.js';

export type ProgramKind = 'ts' | 'wasm';

/** Errors: InputError when `file` is neither, or is not there to be read. */
export function programKind(file: string): ProgramKind {
  // A file that is not there is ours to report: the compiler would call it a missing module.
  readBytes(file);
  const extension = extname(file);
  if (extension !== '.ts' && extension !== '.wasm') {
    throw new InputError(`${file} is neither a .ts nor a .wasm file`);
  }
  return extension === '.ts' ? 'ts' : 'wasm';
}

/** Errors: InputError, CompileError, LabelError, ToolchainError, ModuleError. */
export async function prepareProgram(
  file: string,
  options: CompileOptions,
): Promise<LoadedProgram> {
  const isSource = programKind(file) === 'ts';
  const program = isSource ? await compileSource(file, options) : await loadProgram(file);
  const { metering } = program.map;
  if (options.metering !== undefined && options.metering !== metering) {
    throw new InputError(`${file} was built with --metering ${metering}`);
  }
  return program;
}

async function compileSource(file: string, options: CompileOptions): Promise<LoadedProgram> {
  const compiled = await compile(file, options);
  const { map } = await loadModule(compiled.wasm);
  return { ...compiled, map };
}

/** moduleFile: where the module will be written. Errors: CompileError, LabelError, ToolchainError. */
export async function compile(
  file: string,
  options: CompileOptions,
  moduleFile?: string,
): Promise<Program> {
  const cacheFolder = usableCacheFolder(options.cache);
  const compiling = compileProgram(file, {
    ...(options.abi?.[0] !== undefined && { abi: options.abi[0] }),
    ...(options.metering !== undefined && { metering: options.metering }),
    ...(options.optimize !== undefined && { optimizeLevel: options.optimize }),
    ...(options.runtime !== undefined && { runtime: options.runtime }),
    ...(cacheFolder !== undefined && { cacheFolder }),
    ...(moduleFile !== undefined && { moduleFile: basename(moduleFile) }),
  });
  const { wasm, sourceMap } = await announced(`compiling ${file}`, compiling, process.stderr);
  return { wasm, ...(sourceMap !== '' && { sourceMap }) };
}

/** The folder for compiled programs, or undefined when there is to be none or it cannot be written. */
function usableCacheFolder(chosen: string | false | undefined): string | undefined {
  if (chosen === false) return undefined;
  const folder = chosen ?? defaultCacheFolder();
  try {
    makeFolder(resolve(folder));
    accessSync(folder, constants.W_OK);
    if (statSync(folder).isDirectory()) return folder;
    throw new InputError(`${folder} is a file`);
  } catch (cause) {
    // A cache nobody asked for is not worth a failure.
    if (chosen === undefined) return undefined;
    throw new InputError(`--cache ${chosen} must be a folder that can be written`, { cause });
  }
}

/** Level by level: mkdirSync with `recursive` never returns where no folder can be made, as in /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}

function defaultCacheFolder(): string {
  const isPackage = existsSync('node_modules') && statSync('node_modules').isDirectory();
  return isPackage
    ? join('node_modules', '.cache', 'wasm-rseq')
    : join(tmpdir(), 'wasm-rseq-cache');
}
