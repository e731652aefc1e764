// 64-bit fields of user memory, as a user space of 64 bits lays them out.

import type { Memory } from '../memory.js';

/** The field at `address`, or undefined on a fault. */
export function loadU64(memory: Memory, address: number): bigint | undefined {
  const low = memory.loadI32(address);
  const high = memory.loadI32(address + 4);
  if (low === undefined || high === undefined) return undefined;
  return (low | high) === 0 ? 0n : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Zero the field at `address`, which is aligned to 8. False on a fault. */
export function clearU64(memory: Memory, address: number): boolean {
  return memory.storeI32(address, 0) && memory.storeI32(address + 4, 0);
}
