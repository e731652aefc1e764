// The pipeline: registers, lowering, optimiser, metering, contract, resumability, code map. The same
// for a module asc has just compiled and for a finished .wasm.

import { type AbiName, type CodeMap, encodeCodeMap, type Metering } from '../abi/code-map.js';
import { CODE_MAP_SECTION, RSEQ_MODULE } from '../abi/module.js';
import { type Binaryen, type Module, portableFeatures } from './binaryen.js';
import {
  addRegisters,
  completeContract,
  dropStart,
  exportGlobals,
  keepForKernel,
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
import { sectionAbi } from './section-abi.js';
import { SourceLines } from './source-lines.js';
import type { ResumeTransform } from './suspend.js';

export interface InstrumentOptions {
  /** 'instruction' (default): a point before every access. 'block': at loop heads and some entries. */
  readonly metering?: Metering;
  /** What the sections are compiled for; 'turner' unless given. */
  readonly abi?: AbiName;
  /**
   * Block metering: sections without loops and innermost loops exist twice, and are not asked for fuel
   * while what is left is enough for all of it. True unless given; the runs are the same.
   */
  readonly fastPath?: boolean;
  /** How threads are suspended: 'frames' unless given. The runs are the same. */
  readonly resume?: ResumeTransform;
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

/**
 * Instrument `module` in place. optimize: what optimises the program before it is metered, Binaryen's
 * default passes unless given. Errors: LabelError, ToolchainError.
 */
export function instrument(
  binaryen: Binaryen,
  module: Module,
  options: InstrumentOptions = {},
  optimize: () => void = () => module.optimize(),
): CodeMap {
  const { optimizeLevel = 0, shrinkLevel = 0 } = options;
  const passOptions = { ...PASS_OPTIONS, optimizeLevel, shrinkLevel };
  return withErrors(() =>
    withPassOptions(binaryen, passOptions, () =>
      // asc's optimiser has settings of its own, and leaves them behind.
      runPipeline(binaryen, module, options, () =>
        withPassOptions(binaryen, passOptions, optimize),
      ),
    ),
  );
}

/** Binaryen stops with objects that are no errors. Errors: those of `action`, others as ToolchainError. */
function withErrors<T>(action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof ToolchainError) throw cause;
    const reason = cause instanceof Error ? cause.message : 'not supported';
    throw new ToolchainError(`Binaryen cannot instrument this module: ${reason}`, { cause });
  }
}

/** What is left to do when the program has been optimised before it was metered. */
const TIDYING = [
  'vacuum',
  'remove-unused-brs',
  'remove-unused-names',
  'merge-blocks',
  'simplify-locals',
  'coalesce-locals',
  'reorder-locals',
  'vacuum',
];

/** Engines do not take it well when thousands of locals meet at thousands of branches. */
const FEWER_LOCALS = ['coalesce-locals', 'reorder-locals'];

function runPipeline(
  binaryen: Binaryen,
  module: Module,
  options: InstrumentOptions,
  optimize: () => void,
): CodeMap {
  const { metering = 'instruction', abi = 'turner', fastPath = true, resume = 'frames' } = options;
  const { isOptimized = false } = options;
  const { restoreLocals = isOptimized } = options;
  const isOptimizing = (options.optimizeLevel ?? 0) > 0 || (options.shrinkLevel ?? 0) > 0;
  module.setFeatures(module.getFeatures() | portableFeatures(binaryen));
  const ir = new Ir(binaryen, module);
  const limits = memoryLimits(ir);
  requireUsable(ir);
  addRegisters(ir, abi);
  keepForKernel(ir);
  takeStart(ir);
  replaceAbort(ir);
  if (isOptimized) flattenStatements(ir);
  inlineFieldAccess(ir);
  const sections = lowerLabels(ir, new SourceLines(ir), { restoreLocals, abi: sectionAbi(abi) });
  if (isOptimizing) optimize();
  const { layout, registers } = meterModule(ir, new SourceLines(ir), sections, {
    metering,
    abi: sectionAbi(abi),
    fastPath,
  });
  if (metering === 'instruction') exportGlobals(ir);
  completeContract(ir, abi, resume);
  makeResumable(ir, resume, registers);
  dropStart(ir);
  module.runPasses(isOptimizing ? TIDYING : FEWER_LOCALS);
  const map = layout.codeMap(metering, abi, limits);
  module.addCustomSection(CODE_MAP_SECTION, encodeCodeMap(map));
  return map;
}

/** A finished module keeps operands on the stack across labels: make every label a statement again. */
export function flattenStatements({ module }: Ir): void {
  module.runPasses(['flatten', 'merge-blocks']);
}

/** Names that begin so are the contract's. */
const CONTRACT_PREFIX = 'rseq.';

/** Parameters and results, in words, of what a program imports from `rseq`. */
const SIGNATURES: Readonly<Record<string, readonly [number, number]>> = {
  restart: [0, 1],
  start: [0, 0],
  end: [0, 0],
  tp: [0, 1],
  gs: [0, 1],
  abi: [0, 1],
  cpu_id: [0, 1],
  load_bias: [0, 1],
  section_count: [0, 1],
  init_descriptors: [1, 0],
  critical_start: [0, 1],
  critical_end: [0, 1],
  critical_restart: [0, 1],
  syscall: [7, 1],
};

/**
 * Errors: ToolchainError when an import of `rseq` is unknown, has another signature, or is used as a
 * value; when an export has a name of the contract's.
 */
function requireUsable(ir: Ir): void {
  const { binaryen, module } = ir;
  const values = ir.functionValues();
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const info = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (info.module !== RSEQ_MODULE) continue;
    const place = `${info.name} (rseq.${info.base})`;
    if (values.has(info.name)) {
      throw new ToolchainError(`${place} is used as a value; it can only be called`);
    }
    const signature = [info.params, info.results].map((type) => binaryen.expandType(type));
    const expected = SIGNATURES[info.base];
    const isWords = signature.flat().every((type) => type === binaryen.i32);
    const isSame = signature.every((types, at) => types.length === expected?.[at]);
    if (!isWords || !isSame) throw new ToolchainError(`${place} is no import of the library`);
  }
  for (const name of ir.exportNames()) {
    if (name.startsWith(CONTRACT_PREFIX)) {
      throw new ToolchainError(`the module exports ${name}, a name of the contract's`);
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
): Uint8Array<ArrayBuffer> {
  return withModule(binaryen, bytes, (module) => {
    instrument(binaryen, module, { isOptimized: true, optimizeLevel: 2, ...options });
    return withErrors(() => {
      if (module.validate() === 0) throw new ToolchainError('instrumented module is not valid');
      return module.emitBinary();
    });
  });
}

/** Use a finished module whose labels are still calls. Errors: ToolchainError when it is none. */
export function withModule<T>(
  binaryen: Binaryen,
  bytes: Uint8Array,
  use: (module: Module) => T,
): T {
  if (!WebAssembly.validate(bytes)) {
    throw new ToolchainError('not a valid WebAssembly module');
  }
  const { customSections } = WebAssembly.Module;
  if (customSections(new WebAssembly.Module(bytes), CODE_MAP_SECTION).length > 0) {
    throw new ToolchainError('module is instrumented already: it has a code map');
  }
  const module = withErrors(() => binaryen.readBinary(bytes, portableFeatures(binaryen)));
  const hadDebugInfo = binaryen.getDebugInfo();
  binaryen.setDebugInfo(true);
  try {
    return use(module);
  } finally {
    binaryen.setDebugInfo(hadDebugInfo);
    module.dispose();
  }
}
