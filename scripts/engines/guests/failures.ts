// @ts-nocheck AssemblyScript
// Ways for a program to end other than well. Argument: the way, by its name.

import { futexWait, rseq } from 'wasm-rseq/assembly';
import { isArgument } from '../../../tests/percpu/guests/arguments';

/** Zero; the optimiser does not know. */
const zero: usize = memory.data(8, 8);

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  if (isArgument(0, 'unreachable')) unreachable();
  if (isArgument(0, 'assertion')) assert(load<i32>(zero) == 1, 'it is not one');
  if (isArgument(0, 'load')) return load<i32>(0x7fff0000);
  if (isArgument(0, 'store')) store<i32>(0xfffffffc, 1);
  if (isArgument(0, 'fill')) memory.fill(0x7fff0000, 0, 64);
  if (isArgument(0, 'divide')) return 1 / load<i32>(zero);
  if (isArgument(0, 'remainder')) return 1 % load<i32>(zero);
  if (isArgument(0, 'overflow')) return i32.MIN_VALUE / (load<i32>(zero) - 1);
  if (isArgument(0, 'truncate')) return <i32>(1e10 + <f64>load<i32>(zero));
  if (isArgument(0, 'not-a-number')) return <i32>Math.sqrt(<f64>load<i32>(zero) - 1);
  if (isArgument(0, 'unaligned')) return atomic.load<i32>(zero + 2);
  if (isArgument(0, 'null')) call_indirect<void>(load<i32>(zero), 1);
  if (isArgument(0, 'table')) call_indirect<void>(load<i32>(zero) + 1000000, 1);
  if (isArgument(0, 'loop')) while (load<i32>(zero) == 0) {}
  if (isArgument(0, 'deadlock')) futexWait(zero, 0, 0);
  return 3;
}
