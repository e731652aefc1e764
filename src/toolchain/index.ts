// The toolchain: compile AssemblyScript programs, or instrument modules. Node only.

export {
  CompileError,
  type CompiledProgram,
  type CompileOptions,
  compileProgram,
  instrumentFile,
  lintModule,
  type LintProgramOptions,
  lintProgram,
  type Runtime,
} from './compile.js';
export type { InstrumentOptions } from './instrument.js';
export { ToolchainError } from './ir.js';
export { LabelError } from './labels.js';
export { type Finding, formatFinding, type LintOptions } from './lint.js';
export { type RuleName, RULES } from './lint-rules.js';
export { RuntimeError } from './transform.js';
