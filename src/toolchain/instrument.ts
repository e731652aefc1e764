// The pipeline: registers, lowering, optimiser, metering, contract, resumability, code map. The same
// for a module asc has just compiled and for a finished .wasm.

import { type CodeMap, encodeCodeMap, type Metering } from '../abi/code-map.js';
import { CODE_MAP_SECTION, RSEQ_MODULE } from '../abi/module.js';
import { type Binaryen, type Module, portableFeatures } from './binaryen.js';
import {
  addRegisters,
  completeContract,
  keepTable,
  memoryLimits,
  replaceAbort,
  takeStart,
} from './contract.js';
import { inlineFieldAccess } from './field-access.js';
import { Ir, ToolchainError } from './ir.js';
import { lowerLabels } from './lower.js';
import { meterModule } from './meter.js';
import { PASS_OPTIONS, withPassOptions } from './pass-options.js';
import { makeResumable } from './resume.js';
import { SourceLines } from './source-lines.js';

export interface InstrumentOptions {
  /** 'instruction' (default): a point before every access. 'block': at entries and loop heads. */
  readonly metering?: Metering;
  /** 0 to 3 and 0 to 2, as asc's options of the same names. */
  readonly optimizeLevel?: number;
  readonly shrinkLevel?: number;
  /** The module has been optimised with its labels still calls: see lower.ts. */
  readonly isOptimized?: boolean;
  /** Give locals back on the way to a restart label; as isOptimized unless said otherwise. */
  readonly restoreLocals?: boolean;
}

// Every engine has it; the layer compiles without the DOM types.
declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  Module: {
    new (bytes: Uint8Array): object;
    customSections(module: object, name: string): ArrayBuffer[];
  };
};

/** Instrument `module` in place. Errors: LabelError, ToolchainError. */
export function instrument(
  binaryen: Binaryen,
  module: Module,
  options: InstrumentOptions = {},
): CodeMap {
  const { optimizeLevel = 0, shrinkLevel = 0 } = options;
  const passOptions = { ...PASS_OPTIONS, optimizeLevel, shrinkLevel };
  return withPassOptions(binaryen, passOptions, () => runPipeline(binaryen, module, options));
}

function runPipeline(binaryen: Binaryen, module: Module, options: InstrumentOptions): CodeMap {
  const { metering = 'instruction', isOptimized = false, restoreLocals = isOptimized } = options;
  const optimize = (): void => {
    if ((options.optimizeLevel ?? 0) > 0 || (options.shrinkLevel ?? 0) > 0) module.optimize();
  };
  module.setFeatures(module.getFeatures() | portableFeatures(binaryen));
  const ir = new Ir(binaryen, module);
  const limits = memoryLimits(ir);
  requireCalledOnly(ir);
  addRegisters(ir);
  keepTable(ir);
  takeStart(ir);
  replaceAbort(ir);
  if (isOptimized) flattenStatements(ir);
  inlineFieldAccess(ir);
  const sections = lowerLabels(ir, new SourceLines(ir), { restoreLocals });
  optimize();
  const layout = meterModule(ir, new SourceLines(ir), sections, metering);
  completeContract(ir);
  optimize();
  makeResumable(ir);
  if (isOptimized) optimize();
  const map = layout.codeMap(metering, limits);
  module.addCustomSection(CODE_MAP_SECTION, encodeCodeMap(map));
  return map;
}

/** A finished module keeps operands on the stack across labels: make every label a statement again. */
function flattenStatements({ module }: Ir): void {
  module.runPasses(['flatten', 'merge-blocks', 'vacuum']);
}

/** Errors: ToolchainError when something the toolchain replaces is used as a value. */
function requireCalledOnly(ir: Ir): void {
  const values = ir.functionValues();
  for (let index = 0; index < ir.module.getNumFunctions(); index++) {
    const { name, module, base } = ir.binaryen.getFunctionInfo(ir.module.getFunctionByIndex(index));
    if (module === RSEQ_MODULE && values.has(name)) {
      throw new ToolchainError(`${name} (rseq.${base}) is used as a value; it can only be called`);
    }
  }
}

/**
 * Instrument a finished module. `isOptimized` is true unless said otherwise: it is always safe.
 * Errors: LabelError, ToolchainError.
 */
export function instrumentBinary(
  binaryen: Binaryen,
  bytes: Uint8Array,
  options: InstrumentOptions = {},
): Uint8Array {
  if (!WebAssembly.validate(bytes)) {
    throw new ToolchainError('not a valid WebAssembly module');
  }
  const { customSections } = WebAssembly.Module;
  if (customSections(new WebAssembly.Module(bytes), CODE_MAP_SECTION).length > 0) {
    throw new ToolchainError('module is instrumented already: it has a code map');
  }
  const module = binaryen.readBinary(bytes, portableFeatures(binaryen));
  const hadDebugInfo = binaryen.getDebugInfo();
  binaryen.setDebugInfo(true);
  try {
    instrument(binaryen, module, { isOptimized: true, optimizeLevel: 2, ...options });
    if (module.validate() === 0) throw new ToolchainError('instrumented module is not valid');
    return module.emitBinary();
  } finally {
    binaryen.setDebugInfo(hadDebugInfo);
    module.dispose();
  }
}
