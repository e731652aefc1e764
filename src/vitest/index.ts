// A matcher for vitest: `await expect(program).toBeProven({ cpus: 2 })`. To import this module is to have it.
//
//   import 'wasm-rseq/vitest';
//   import { compileProgram } from 'wasm-rseq/toolchain';
//   await expect(await compileProgram('main.ts', { metering: 'instruction' })).toBeProven();

import { expect } from 'vitest';
import { check, type CheckOptions, formatResult, sourcesIn } from '../check/index.js';

/** A module: bytes, or compiled. */
export type Wasm = BufferSource | Uint8Array | WebAssembly.Module;

/** What can be checked: a module, or what compileProgram returns, which knows its sources. */
export type Program = Wasm | CompiledProgram;

export interface CompiledProgram {
  readonly wasm: Wasm;
  /** Source map, JSON: for lines of source in the message. */
  readonly sourceMap?: string;
}

declare module 'vitest' {
  interface Matchers<T> {
    /** No run of the program fails; with `not`, one does. A search that is incomplete is neither. */
    toBeProven(options?: T extends Program ? CheckOptions : never): Promise<void>;
  }
}

async function match(
  program: Program,
  options: CheckOptions,
  isNot: boolean,
): Promise<{ pass: boolean; message: () => string }> {
  const { wasm, sourceMap = options?.sourceMap } = toCompiled(program);
  // What is no object at all is for check to refuse.
  const isGiven = typeof options === 'object' && options !== null;
  const withSource = isGiven && sourceMap !== undefined ? { ...options, sourceMap } : options;
  const result = await check(wasm as BufferSource | WebAssembly.Module, withSource);
  const report = formatResult(result, { sourceOf: sourcesIn(sourceMap ?? '') });
  return {
    pass: result.verdict === 'incomplete' ? isNot : result.verdict === 'proven',
    message: () => `expected the program ${isNot ? 'not ' : ''}to be proven\n\n${report}`,
  };
}

function toCompiled(program: Program): CompiledProgram {
  return 'wasm' in program ? program : { wasm: program };
}

expect.extend({
  toBeProven(program: Program, options: CheckOptions = {}) {
    return match(program, options, this.isNot);
  },
});
