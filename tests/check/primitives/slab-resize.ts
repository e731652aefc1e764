// @ts-nocheck AssemblyScript
// The room of the slab: three threads give the class of their CPU more.
// Invariant: none of it is lost, and no CPU has more room than slots.

import { join, rseq, spawn } from 'wasm-rseq/assembly';
import {
  initSlabs,
  resizeStopped,
  setSlots,
  slabCapacity,
  slabResize,
  slabsBytes,
} from 'wasm-rseq/assembly/percpu/slab';

const CLASS: i32 = 1;
const SLABS: usize = memory.data(4096, 64);
/** Of each CPU: how often it got more room. */
const GROWN: usize = memory.data(2 * 4, 4);

function resize(_argument: usize): i32 {
  const cpu = rseq.cpuId();
  if (slabResize(cpu, CLASS, 1)) atomic.add<i32>(GROWN + <usize>cpu * 4, 1);
  return 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  setSlots(CLASS, 2);
  assert(slabsBytes() <= 4096, 'more room');
  initSlabs(SLABS);
  resizeStopped(1, CLASS, 1);
  const one = spawn(resize, 0);
  const other = spawn(resize, 0);
  resize(0);
  join(one);
  join(other);
  for (let cpu = 0; cpu < 2; cpu++) {
    assert(slabCapacity(cpu, CLASS) == cpu + load<i32>(GROWN + <usize>cpu * 4), 'room is lost');
    assert(slabCapacity(cpu, CLASS) <= 2, 'more room than slots');
  }
  return 0;
}
