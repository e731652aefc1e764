// === counter: the ways of counter-ways.ts, in both forms ==========================================

import { Atomic, Lock, Section, Unprotected } from './counter-ways';
import { runWay, Structure, STRUCTURES, turns } from './loops';
import { rseq } from './machine';

export function main(): i32 {
  assert(rseq.register() == 0);
  if (!runWay<Unprotected, Section, Atomic, Lock>()) return 2;
  let sum = 0;
  for (let i = 0; i < STRUCTURES; i++) sum += load<i32>(Structure.at(i));
  return sum == turns() ? 0 : 1;
}
