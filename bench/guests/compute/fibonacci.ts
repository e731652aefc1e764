// === fibonacci: the recursive one, nothing but calls. Argument: which ==============================

import { decimal } from '../arguments';
import { report } from '../machine';

function fibonacci(n: i32): u32 {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

export function main(): i32 {
  report(fibonacci(decimal(0, 20)));
  return 0;
}
