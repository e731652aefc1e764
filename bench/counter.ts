// Guest of the counter bench: one thread, ITERATIONS increments in the way its first argument names by
// a letter, all on the same per-CPU layout.

import { argument, COUNTER_STRIDE, counterAdd, counterCreate, counterSum, rseq } from '../assembly';

const ITERATIONS = 5_000_000;

function unprotected(base: usize): void {
  for (let i = 0; i < ITERATIONS; i++) {
    const slot = base + <usize>rseq.cpuId() * COUNTER_STRIDE;
    store<i32>(slot, load<i32>(slot) + 1);
  }
}

function section(base: usize): void {
  for (let i = 0; i < ITERATIONS; i++) counterAdd(base, 1);
}

function atomicAdd(base: usize): void {
  for (let i = 0; i < ITERATIONS; i++) {
    atomic.add<i32>(base + <usize>rseq.cpuId() * COUNTER_STRIDE, 1);
  }
}

function lock(base: usize): void {
  for (let i = 0; i < ITERATIONS; i++) {
    const slot = base + <usize>rseq.cpuId() * COUNTER_STRIDE;
    while (atomic.cmpxchg<i32>(slot, 0, 1, 4) != 0) {}
    store<i32>(slot, load<i32>(slot) + 1);
    atomic.store<i32>(slot, 0, 4);
  }
}

/** As section, but the slot is where the per-CPU base register points. */
function sectionByRegister(base: usize): void {
  rseq.setPercpuArea(base, COUNTER_STRIDE);
  for (let i = 0; i < ITERATIONS; i++) {
    rseq.restart();
    rseq.start();
    const slot = rseq.percpuBase();
    store<i32>(slot, load<i32>(slot) + 1);
    rseq.end();
  }
}

export function main(): i32 {
  assert(rseq.register() == 0);
  const base = counterCreate();
  const name = memory.data(16);
  argument(0, name, 16);
  switch (load<u8>(name)) {
    case 0x75: {
      unprotected(base);
      break;
    }
    case 0x73: {
      section(base);
      break;
    }
    case 0x61: {
      atomicAdd(base);
      break;
    }
    case 0x6c: {
      lock(base);
      break;
    }
    case 0x72: {
      sectionByRegister(base);
      break;
    }
    default:
      return 2;
  }
  return counterSum(base) == ITERATIONS ? 0 : 1;
}
