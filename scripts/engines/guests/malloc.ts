// @ts-nocheck AssemblyScript
// tests/percpu/guests/malloc. Alone, because it chooses the runtime. Arguments: name, "laws" or "hammer", times.

import { rseq } from 'wasm-rseq/assembly';
import { isArgument } from '../../../tests/percpu/guests/arguments';
import * as malloc from '../../../tests/percpu/guests/malloc';

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  return isArgument(1, 'laws') ? malloc.laws() : malloc.hammer();
}
