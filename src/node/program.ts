// A program in a file: FILE.wasm as `build` made it, with the source map beside it.

import type { CodeMap } from '../abi/code-map.js';
import { ModuleError } from '../host/errors.js';
import { type GuestModule, loadModule } from '../host/loader.js';
import { InputError, readBytes, readTextIfPresent } from './files.js';

/** An instrumented module and its source map, as loadProgram or the toolchain's compileProgram gives them. */
export interface Program {
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** JSON; missing when there is none. */
  readonly sourceMap?: string;
}

export interface LoadedProgram extends Program {
  /** What the addresses of its code mean. */
  readonly map: CodeMap;
}

/**
 * The module in `file` and the source map in `file`.map, if that is there, both checked.
 * Errors: InputError, ModuleError, CodeMapError.
 */
export async function loadProgram(file: string): Promise<LoadedProgram> {
  const wasm = new Uint8Array(readBytes(file));
  const sourceMap = readSourceMap(`${file}.map`);
  const { map } = await loadNamed(file, wasm);
  return { wasm, map, ...(sourceMap !== undefined && { sourceMap }) };
}

async function loadNamed(file: string, wasm: Uint8Array<ArrayBuffer>): Promise<GuestModule> {
  try {
    return await loadModule(wasm);
  } catch (cause) {
    if (!(cause instanceof ModuleError)) throw cause;
    throw new ModuleError(`${file}: ${cause.message}`, { cause });
  }
}

function readSourceMap(path: string): string | undefined {
  const text = readTextIfPresent(path);
  if (text === undefined || isSourceMap(text)) return text;
  throw new InputError(`${path} is not a source map: version 3 JSON with sources, mappings`);
}

function isSourceMap(text: string): boolean {
  try {
    const map = JSON.parse(text) as { version?: unknown; sources?: unknown; mappings?: unknown };
    return map.version === 3 && Array.isArray(map.sources) && typeof map.mappings === 'string';
  } catch {
    // Not JSON, or null: no source map.
    return false;
  }
}
