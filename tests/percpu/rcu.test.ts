// RCU with threads that have not registered: they count atomically, beside those that count in sections.

import { expect, test } from 'vitest';
import { ABI_NAMES } from '../../src/abi/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

const SEEDS = [1, 2, 3, 4, 5];

/** Readers that were there before main registered, readers that came later, and main, which replaces. */
const PROGRAM = `
import {
  join, rcuAssign, rcuCreate, rcuDereference, rcuReadLock, rcuReadUnlock, rcuSynchronize, rseq, spawn,
} from 'wasm-rseq/assembly';

const FREED: i32 = 0xdead;
const CURRENT: usize = memory.data(4, 4);
const VERSIONS: usize = memory.data(8, 4);
let rcu: usize = 0;

function read(_argument: usize): i32 {
  for (let n = 0; n < 100; n++) {
    const period = rcuReadLock(rcu);
    const version = rcuDereference(CURRENT);
    for (let look = 0; look < 3; look++) {
      assert(atomic.load<i32>(version) != FREED, 'a reader saw freed memory');
    }
    rcuReadUnlock(rcu, period);
  }
  return 0;
}

export function main(): i32 {
  rcu = rcuCreate();
  store<usize>(CURRENT, VERSIONS);
  const tids = new StaticArray<i32>(6);
  for (let n = 0; n < 3; n++) tids[n] = spawn(read, 0);
  assert(rseq.register() == 0, 'registration failed');
  for (let n = 3; n < 6; n++) tids[n] = spawn(read, 0);
  for (let n = 0; n < 40; n++) {
    const old = rcuDereference(CURRENT);
    const next = old == VERSIONS ? VERSIONS + 4 : VERSIONS;
    atomic.store<i32>(next, 1);
    rcuAssign(CURRENT, next);
    rcuSynchronize(rcu);
    atomic.store<i32>(old, FREED);
  }
  for (let n = 0; n < 6; n++) join(tids[n]);
  rcuSynchronize(rcu);
  return 0;
}
`;

/** With ras a process registers, not a thread: no thread can tell. */
const ABIS = ABI_NAMES.filter((abi) => abi !== 'ras');

test.each(ABIS)('readers that have not registered are waited for, on %s', async (abi) => {
  const program = await compileSource(PROGRAM, { abi });
  for (const seed of SEEDS) {
    const host = await bootProgram(program, { cpus: 3, quantum: 43, seed, fuelLimit: 2e7 });

    const { failure } = host.run();

    expect(failure, `seed ${seed}`).toBeUndefined();
  }
});
