// From bytes to an instance: checks the module against the contract, makes the memory it gets, and
// instantiates it with @assemblyscript/loader.

import { instantiateSync } from '@assemblyscript/loader';
import { type CodeMap, CodeMapError, decodeCodeMap } from '../abi/code-map.js';
import {
  CODE_MAP_SECTION,
  CONTRACT_FUNCTIONS,
  CONTRACT_GLOBALS,
  EXPORT_FUEL,
  EXPORT_GLOBAL,
  EXPORT_LOAD_BIAS,
  EXPORT_RUN,
  EXPORT_SECTIONS_ENTERED,
  MEMORY_MODULE,
  MEMORY_NAME,
  PAGE_BYTES,
  UNWIND_PAGES,
} from '../abi/module.js';
import { ModuleError } from './errors.js';
import { LinearMemory } from './linear-memory.js';
import { ProgramText } from './program-text.js';
import { sourceMapLocator } from './trap.js';
import { type GuestExports, WasmMachine } from './wasm-machine.js';

/** A module that keeps the contract, compiled. */
export interface GuestModule {
  readonly module: WebAssembly.Module;
  readonly map: CodeMap;
}

/** Instances in one memory, ready to be the machine of a kernel. */
export interface Guest {
  readonly machine: WasmMachine;
  readonly memory: LinearMemory;
  readonly text: ProgramText;
  /** The variables of the first module that are not in memory, as far as it exports them. */
  readonly globals: readonly (WebAssembly.Global | undefined)[];
  /** Sections entered so far, restarts included; undefined when the metering does not count them. */
  sectionsEntered(): number | undefined;
}

/** Pages for stacks that there are beside those the guest has twice: a small program has threads too. */
const LEAST_STACK_PAGES = 64;

const IMPORTS = [`memory ${MEMORY_MODULE}.${MEMORY_NAME}`];

/**
 * Compile and check. Errors: ModuleError when the bytes are no module, or imports, exports or code
 * map are not those of the contract.
 */
export async function loadModule(wasm: BufferSource | WebAssembly.Module): Promise<GuestModule> {
  const module = wasm instanceof WebAssembly.Module ? wasm : await compile(wasm);
  const map = readCodeMap(module);
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const item = `${kind} ${from}.${name}`;
    if (!IMPORTS.includes(item)) {
      throw new ModuleError(`module imports ${item}, which the contract does not have`);
    }
  }
  const exports = WebAssembly.Module.exports(module).map(({ kind, name }) => `${kind} ${name}`);
  for (const item of [
    ...CONTRACT_FUNCTIONS.map((name) => `function ${name}`),
    ...CONTRACT_GLOBALS.map((name) => `global ${name}`),
  ]) {
    if (!exports.includes(item)) throw new ModuleError(`module does not export ${item}`);
  }
  return { module, map };
}

/**
 * Programs that share one memory. memoryLimit: pages the guest may have; sourceMaps: of the programs,
 * in the same order. Errors: ModuleError when a module wants more.
 */
export function instantiate(
  modules: readonly GuestModule[],
  memoryLimit: number,
  sourceMaps: readonly (string | undefined)[],
): Guest {
  const wasmMemory = createMemory(modules, memoryLimit);
  const memory = new LinearMemory(wasmMemory);
  const text = new ProgramText(modules.map(({ map }) => map));
  const machine = new WasmMachine(text, memory, (memoryLimit + LEAST_STACK_PAGES) * PAGE_BYTES);
  let globals: Guest['globals'] = [];
  const counters = text.programs.flatMap(({ map, bias }, index) => {
    const { module } = modules[index] as GuestModule;
    const exports = instantiateModule(module, {
      [MEMORY_MODULE]: { [MEMORY_NAME]: wasmMemory },
    });
    if (index === 0) globals = exportedGlobals(exports);
    for (const name of CONTRACT_GLOBALS) requireRegister(name, exports[name]);
    (exports[EXPORT_LOAD_BIAS] as WebAssembly.Global).value = bias;
    machine.attach(guestExports(exports), bias, sourceMapLocator(sourceMaps[index]));
    const entered = exports[EXPORT_SECTIONS_ENTERED] as WebAssembly.Global;
    return map.metering === 'instruction' ? [entered] : [];
  });
  const isCounted = counters.length === modules.length;
  const count = (): number => counters.reduce((sum, { value }) => sum + (value >>> 0), 0);
  return {
    machine,
    memory,
    text,
    globals,
    sectionsEntered: () => (isCounted ? count() : undefined),
  };
}

async function compile(wasm: BufferSource): Promise<WebAssembly.Module> {
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(wasm);
  } catch (cause) {
    throw new ModuleError(`not a valid WebAssembly module: ${(cause as Error).message}`, { cause });
  }
  requireQuietStart(wasm);
  return module;
}

const HEADER_BYTES = 8;
const START_SECTION = 8;

/**
 * A start function would run while the module is instantiated, outside any fuel limit. The toolchain
 * makes it the first thing that main does.
 */
function requireQuietStart(wasm: BufferSource): void {
  const bytes = ArrayBuffer.isView(wasm)
    ? new Uint8Array(wasm.buffer, wasm.byteOffset, wasm.byteLength)
    : new Uint8Array(wasm);
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    if (bytes[at++] === START_SECTION) {
      throw new ModuleError('module has a start function; it must run as part of main');
    }
    let length = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += length;
  }
}

function readCodeMap(module: WebAssembly.Module): CodeMap {
  const [section, second] = WebAssembly.Module.customSections(module, CODE_MAP_SECTION);
  if (section === undefined) {
    throw new ModuleError(
      'module has no code map (custom section rseq): instrument it first, `wasm-rseq build FILE.wasm`',
    );
  }
  if (second !== undefined) throw new ModuleError('module has more than one code map');
  try {
    return decodeCodeMap(new Uint8Array(section));
  } catch (cause) {
    if (!(cause instanceof CodeMapError)) throw cause;
    throw new ModuleError(`bad code map: ${cause.message}`, { cause });
  }
}

/** As large as the program that declares most wants it, and no larger than any allows. */
function createMemory(modules: readonly GuestModule[], memoryLimit: number): WebAssembly.Memory {
  const initial = Math.max(...modules.map(({ map }) => map.memory.initial));
  if (initial > memoryLimit) {
    const bytes = initial * PAGE_BYTES;
    throw new ModuleError(
      `module declares ${initial} pages of memory (${bytes} bytes), the limit is ${memoryLimit} pages`,
    );
  }
  const maxima = modules.map(({ map }) => map.memory.maximum).filter((maximum) => maximum > 0);
  const maximum = Math.min(memoryLimit, ...maxima);
  if (maximum < initial) {
    throw new ModuleError(`memory maximum of ${maximum} pages is below the initial ${initial}`);
  }
  return new WebAssembly.Memory({
    initial: initial + UNWIND_PAGES,
    maximum: maximum + UNWIND_PAGES,
  });
}

function instantiateModule(module: WebAssembly.Module, imports: unknown): WebAssembly.Exports {
  try {
    return instantiateSync(module, imports as never).instance.exports;
  } catch (cause) {
    throw new ModuleError(`module cannot be instantiated: ${(cause as Error).message}`, { cause });
  }
}

/** Errors: ModuleError when the global cannot hold a 32-bit word. */
function requireRegister(name: string, register: WebAssembly.ExportValue | undefined): void {
  const message = `global ${name} is not a mutable i32`;
  const global = register as WebAssembly.Global;
  try {
    // A number and a reference would keep it as it is.
    global.value = 2 ** 31;
    if (global.value !== -(2 ** 31)) throw new ModuleError(message);
    global.value = 0;
  } catch (cause) {
    throw new ModuleError(message, { cause });
  }
}

/** Index n is global n. */
function exportedGlobals(exports: WebAssembly.Exports): (WebAssembly.Global | undefined)[] {
  const globals: (WebAssembly.Global | undefined)[] = [];
  for (const [name, value] of Object.entries(exports)) {
    if (!name.startsWith(EXPORT_GLOBAL)) continue;
    globals[Number(name.slice(EXPORT_GLOBAL.length))] = value as WebAssembly.Global;
  }
  return globals;
}

function guestExports(exports: WebAssembly.Exports): GuestExports {
  return {
    run: exports[EXPORT_RUN] as GuestExports['run'],
    fuel: exports[EXPORT_FUEL] as WebAssembly.Global,
  };
}
