// The program's variables that are not in memory, as words where no memory is: GLOBALS_BASE.

import { GLOBAL_BYTES, GLOBALS_BASE } from '../abi/module.js';
import { CheckError } from './errors.js';

const BUFFER = new DataView(new ArrayBuffer(8));

interface Variable {
  readonly global: WebAssembly.Global;
  readonly kind: 'i32' | 'i64' | 'f32' | 'f64';
}

export class Globals {
  readonly #variables: readonly (Variable | undefined)[];

  /** globals: by number. The types are found out by trying. */
  constructor(globals: readonly (WebAssembly.Global | undefined)[]) {
    this.#variables = globals.map((global) => global && { global, kind: kindOf(global) });
  }

  /** Variables, and those that have no words. */
  get length(): number {
    return this.#variables.length;
  }

  /** The two words of variable `number`. Errors: CheckError for a vector. */
  load(number: number): readonly [number, number] {
    const { global, kind } = this.#variable(number);
    BUFFER.setBigInt64(0, 0n);
    if (kind === 'i64') BUFFER.setBigInt64(0, global.value as bigint, true);
    else if (kind === 'f64') BUFFER.setFloat64(0, global.value as number, true);
    else if (kind === 'f32') BUFFER.setFloat32(0, global.value as number, true);
    else BUFFER.setInt32(0, global.value as number, true);
    return [BUFFER.getInt32(0, true), BUFFER.getInt32(4, true)];
  }

  store(number: number, low: number, high: number): void {
    const { global, kind } = this.#variable(number);
    BUFFER.setInt32(0, low, true);
    BUFFER.setInt32(4, high, true);
    if (kind === 'i64') global.value = BUFFER.getBigInt64(0, true);
    else if (kind === 'f64') global.value = BUFFER.getFloat64(0, true);
    else if (kind === 'f32') global.value = BUFFER.getFloat32(0, true);
    else global.value = low;
  }

  #variable(number: number): Variable {
    const variable = this.#variables[number];
    if (variable !== undefined) return variable;
    throw new CheckError(`the program's global ${number} is a vector, which cannot be checked`);
  }
}

export function isGlobal(address: number): boolean {
  return address >= GLOBALS_BASE;
}

/** The variable that has a word at `address`. */
export function globalAt(address: number): number {
  return Math.floor((address - GLOBALS_BASE) / GLOBAL_BYTES);
}

export function addressOfGlobal(number: number): number {
  return GLOBALS_BASE + number * GLOBAL_BYTES;
}

function kindOf(global: WebAssembly.Global): Variable['kind'] {
  const value: unknown = global.value;
  if (typeof value === 'bigint') return 'i64';
  global.value = 0.1;
  const tried: unknown = global.value;
  global.value = value;
  if (tried === 0) return 'i32';
  return tried === 0.1 ? 'f64' : 'f32';
}
