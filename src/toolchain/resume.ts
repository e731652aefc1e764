// Resumability: after this pass a call of either host import may unwind the whole stack into memory
// and rewind it later. Binaryen's asyncify, told which imports suspend.

import type { Ir } from './ir.js';
import { SUSPENDING_IMPORTS } from './contract.js';

const ARGUMENT = 'asyncify-imports';

export function makeResumable(ir: Ir): void {
  const { binaryen, module } = ir;
  // Pass arguments are global to the copy of Binaryen: put back what was there.
  const before = binaryen.getPassArgument(ARGUMENT);
  binaryen.setPassArgument(ARGUMENT, SUSPENDING_IMPORTS.join(','));
  try {
    module.runPasses(['asyncify']);
  } finally {
    binaryen.setPassArgument(ARGUMENT, before);
  }
}
