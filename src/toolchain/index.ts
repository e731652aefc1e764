// The toolchain: compile AssemblyScript programs, or instrument modules. Node only.

export {
  CompileError,
  type CompiledProgram,
  type CompileOptions,
  compileProgram,
  instrumentFile,
} from './compile.js';
export type { InstrumentOptions } from './instrument.js';
export { ToolchainError } from './ir.js';
export { LabelError } from './labels.js';
