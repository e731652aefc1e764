// The asc transform: `"transform": ["wasm-rseq/transform"]` in asconfig.json. It runs between asc's
// compiler and its optimiser, with the copy of Binaryen that asc brings.

import type { Binaryen, Module } from './binaryen.js';
import { EXPORTED_START } from './contract.js';
import { instrument, type InstrumentOptions } from './instrument.js';
import { type Finding, lint, type LintOptions } from './lint.js';
import { ToolchainError } from './ir.js';
import type { Sources } from './lint-comments.js';

/** The part of asc's program that the transform looks at. */
interface Program {
  readonly options: {
    sourceMap: boolean;
    runtime: number;
    stackSize: number;
    exportStart: string | null;
    readonly optimizeLevelHint: number;
    readonly shrinkLevelHint: number;
    setFeature(feature: number, on: boolean): void;
  };
  /** asc's own wrapper of the module, through which its optimiser runs. */
  readonly module: {
    useShadowStack: boolean;
    runPasses(passes: readonly string[]): void;
    optimize(level: number, shrink: number, debugInfo: boolean, zeroFilledMemory: boolean): void;
  };
}

interface Parser {
  readonly sources: readonly { readonly internalPath: string }[];
}

/** asc's Runtime.Stub: no collector. */
const RUNTIME_STUB = 0;
/** Our runtime, as asc is told where it is, and what needs it. */
const OWN_RUNTIME = /(^|\/)wasm-rseq\/assembly\/runtime$/;
const OWN_MALLOC = /(^|\/)wasm-rseq\/assembly\/percpu\/malloc$/;

/** Two allocators would both take the memory behind the static data. */
export class RuntimeError extends ToolchainError {
  override readonly name = 'RuntimeError';

  constructor() {
    super(
      'percpu/malloc needs the runtime percpu: asc --runtime node_modules/wasm-rseq/assembly/runtime',
    );
  }
}

/** asc's Feature.Threads: atomics compile without --enable threads. */
const FEATURE_THREADS = 1 << 5;

/** A transform with options of your own: what the module you name to asc exports as its default. */
export function transformFor(options: InstrumentOptions): typeof RseqTransform {
  return class extends RseqTransform {
    override get options(): InstrumentOptions {
      return options;
    }
  };
}

/** A transform that looks for findings, gives them to `report`, and leaves the module as it is. */
export function lintTransformFor(
  options: LintOptions,
  sources: () => Sources,
  report: (findings: readonly Finding[]) => void,
): typeof RseqTransform {
  return class extends RseqTransform {
    override afterCompile(module: Module): void {
      withoutStack(() => {
        report(lint(this.binaryen, module, options, { sources: sources(), isFinished: false }));
      });
    }
  };
}

/**
 * For the ABI turner with metering 'instruction': the kernel can interrupt before every access to
 * memory.
 */
export default class RseqTransform {
  // asc sets these before it makes the instance.
  declare readonly program: Program;
  declare readonly binaryen: Binaryen;

  get options(): InstrumentOptions {
    return { metering: 'instruction' };
  }

  /** Ask for source locations, and for a start function that can be run metered. */
  afterParse(parser: Parser): void {
    const { options, module } = this.program;
    const has = (path: RegExp): boolean =>
      parser.sources.some(({ internalPath }) => path.test(internalPath));
    if (!has(OWN_RUNTIME) && has(OWN_MALLOC)) withoutStack(() => fail(new RuntimeError()));
    if (has(OWN_RUNTIME)) {
      // asc takes a runtime that is not its own for one that collects, and gives it a stack that threads share.
      options.runtime = RUNTIME_STUB;
      options.stackSize = 0;
      module.useShadowStack = false;
    }
    options.sourceMap = true;
    options.exportStart = EXPORTED_START;
    options.setFeature(FEATURE_THREADS, true);
  }

  afterCompile(module: Module): void {
    const { module: ours, options } = this.program;
    const { optimizeLevelHint: optimizeLevel, shrinkLevelHint: shrinkLevel } = options;
    // asc's optimiser, before metering: it must not see what an optimiser would take apart again.
    const optimize = (): void => ours.optimize(optimizeLevel, shrinkLevel, true, false);
    withoutStack(() => {
      const levels = { optimizeLevel, shrinkLevel };
      instrument(this.binaryen, module, { ...levels, ...this.options }, optimize);
    });
    // The passes of asc's optimiser would take as long again and find nothing. Its settings, which hold
    // for what is emitted too, are made all the same.
    ours.runPasses = () => {};
  }
}

function fail(error: Error): never {
  throw error;
}

/** asc prints the stack of an error; the message is all a user needs. */
function withoutStack(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) error.stack = `${error.name}: ${error.message}`;
    throw error;
  }
}
