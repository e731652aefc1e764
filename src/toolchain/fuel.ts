// What an instruction costs.

import { BYTES_PER_FUEL } from '../abi/module.js';
import type { Ref } from './binaryen.js';
import type { Ir, Kind } from './ir.js';

/** Bytes of a constant length that are charged in advance: more would add up to more than a word holds. */
const MOST_KNOWN_BYTES = 4096;
/** An engine takes the way through its own code for it, whether there is memory to be had or not. */
const GROW_FUEL = 128;

/** Units of fuel for `ref` without its operands, and without what `hasOpenCost` is charged besides. */
export function fuelOf(ir: Ir, ref: Ref): number {
  const kind = ir.kind(ref);
  if (kind === 'Block' || kind === 'Loop' || kind === 'Nop') return 0;
  if (kind === 'MemoryGrow') return GROW_FUEL;
  const bytes = isBulk(kind) ? knownLength(ir, ref) : 0;
  return 1 + Math.floor((bytes ?? 0) / BYTES_PER_FUEL);
}

/** True for what may cost so much that it needs a point of its own: its price is known when it is executed. */
export function hasOpenCost(ir: Ir, ref: Ref): boolean {
  return isBulk(ir.kind(ref)) && knownLength(ir, ref) === undefined;
}

function isBulk(kind: Kind): boolean {
  return kind === 'MemoryCopy' || kind === 'MemoryFill' || kind === 'MemoryInit';
}

function knownLength(ir: Ir, ref: Ref): number | undefined {
  const size = ir.get(ref, 'Size');
  if (ir.kind(size) !== 'Const') return undefined;
  const bytes = ir.get(size, 'ValueI32') >>> 0;
  return bytes <= MOST_KNOWN_BYTES ? bytes : undefined;
}
