// Which instructions another thread can observe: the ones an interruption point stands before.

import type { Ref } from './binaryen.js';
import { CONTRACT_STATE } from './names.js';
import type { Ir, Kind } from './ir.js';

const ACCESSES: ReadonlySet<Kind> = new Set([
  'Load',
  'Store',
  'AtomicRMW',
  'AtomicCmpxchg',
  'AtomicNotify',
  'MemoryCopy',
  'MemoryFill',
  'MemoryInit',
  'SIMDLoad',
  'SIMDLoadStoreLane',
]);

/**
 * True for an instruction that touches memory. A mutable global of the program counts: the threads
 * of an instance share it.
 */
export function isAccess(ir: Ir, ref: Ref): boolean {
  const kind = ir.kind(ref);
  if (kind !== 'GlobalGet' && kind !== 'GlobalSet') return ACCESSES.has(kind);
  const name = ir.text(ref, 'Name');
  return !CONTRACT_STATE.has(name) && ir.globals().get(name)?.mutable === true;
}
