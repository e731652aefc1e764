// Resumability: after this pass a call that suspends its thread unwinds the whole stack into memory, and
// rewinds it later.

import type { Ir } from './ir.js';
import { addFrames } from './frames.js';
import type { RegisterLocals } from './meter.js';
import { runPassWith } from './pass-options.js';
import type { ResumeTransform } from './suspend.js';

const EXPORTS = ['start_unwind', 'stop_unwind', 'start_rewind', 'stop_rewind', 'get_state'];

/** registers: the locals that hold registers, by function. Errors: ToolchainError. */
export function makeResumable(
  ir: Ir,
  transform: ResumeTransform,
  registers: ReadonlyMap<string, RegisterLocals>,
): void {
  if (transform === 'frames') addFrames(ir, registers);
  else runAsyncify(ir);
}

/** Binaryen's pass. What suspends calls its runtime by imports, which tell it where to begin. */
function runAsyncify({ binaryen, module }: Ir): void {
  runPassWith(binaryen, module, 'asyncify', 'asyncify-ignore-imports', '1');
  for (const name of EXPORTS) module.removeExport(`asyncify_${name}`);
}
