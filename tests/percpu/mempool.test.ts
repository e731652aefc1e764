// Robust memory pools: each mistake of a program ends it, and the message says what, where and why.

import { expect, test } from 'vitest';
import { bootSource } from '../guests/compile.js';

const STRIDE = 64;

/** A program that has two items of 16 bytes, `first` and `second`, of a robust pool, and then does `mistake`. */
function programOf(mistake: string): string {
  return `
import {
  MEMPOOL_ROBUST, mempoolCreate, mempoolDestroy, mempoolFree, mempoolMalloc, percpuPtr, printNumber,
} from 'wasm-rseq/assembly';

export function main(): i32 {
  const pool = mempoolCreate(16, ${STRIDE}, 1, MEMPOOL_ROBUST);
  const first = mempoolMalloc(pool);
  const second = mempoolMalloc(pool);
  printNumber(first);
  ${mistake}
  return 0;
}
`;
}

const FREE_BOTH = `mempoolFree(first, ${STRIDE}); mempoolFree(second, ${STRIDE});`;
const BOTH_ARE_FREE = `${FREE_BOTH} mempoolDestroy(pool);`;

/** The mistake; where, from the first item; what is said before that and behind it. */
const MISTAKES: readonly (readonly [string, string, number, string, string])[] = [
  [
    'an item that is freed twice',
    `${FREE_BOTH} mempoolFree(first, ${STRIDE});`,
    0,
    'mempool: item',
    'is freed, but not in use',
  ],
  [
    'an item that was never taken and is freed',
    `mempoolFree(first + 32, ${STRIDE});`,
    32,
    'mempool: item',
    'is freed, but not in use',
  ],
  [
    'an item that is left when the pool is destroyed',
    `mempoolFree(first, ${STRIDE}); mempoolDestroy(pool);`,
    16,
    'mempool: item',
    'is in use when its pool is destroyed',
  ],
  [
    'a store to a free item, when it is taken again',
    `${FREE_BOTH} store<u8>(second, 0, 15); mempoolMalloc(pool);`,
    28,
    'mempool: free memory at',
    'was written to',
  ],
  [
    'a store to a free item of another CPU, when the pool is destroyed',
    `${FREE_BOTH} store<u8>(percpuPtr(first, 1, ${STRIDE}), 0); mempoolDestroy(pool);`,
    STRIDE,
    'mempool: free memory at',
    'was written to',
  ],
  [
    'a store to an item before it is taken',
    `store<u8>(first + 32, 0); mempoolMalloc(pool);`,
    32,
    'mempool: free memory at',
    'was written to',
  ],
  [
    'a link of the free list that leads to an item in use, when that is taken',
    `mempoolFree(first, ${STRIDE}); store<usize>(linkOfFirst, second); mempoolMalloc(pool); mempoolMalloc(pool);`,
    16,
    'mempool: the free list leads to',
    'which is no free item',
  ],
  [
    'a link that leads into an item',
    `${FREE_BOTH} store<usize>(linkOfFirst - 4, first + 4); mempoolDestroy(pool);`,
    4,
    'mempool: the free list leads to',
    'which is no free item',
  ],
  [
    'a link that leads to an item that nobody ever had',
    `${FREE_BOTH} store<usize>(linkOfFirst - 4, first + 32); mempoolDestroy(pool);`,
    32,
    'mempool: the free list leads to',
    'which is no free item',
  ],
  [
    'a link that leads out of the pool',
    `${FREE_BOTH} store<usize>(linkOfFirst - 4, first + 4096); mempoolDestroy(pool);`,
    4096,
    'mempool: the free list leads to',
    'which is no free item',
  ],
  [
    'a last link that leads out of the pool',
    `${FREE_BOTH} store<usize>(linkOfFirst, first + 4096); mempoolDestroy(pool);`,
    4096,
    'mempool: the free list leads to',
    'behind its last item',
  ],
  [
    'a free list that goes in a circle',
    `${FREE_BOTH} store<usize>(linkOfFirst, second); mempoolDestroy(pool);`,
    16,
    'mempool: the free list leads to',
    'behind its last item',
  ],
];

/** The link of item 0 is in front of the header of 16 bytes. */
function run(program: string) {
  const source = program.replaceAll('linkOfFirst', '(first - 20)');
  return bootSource(source, { cpus: 2, fuelLimit: 1e6 }).then((host) => ({
    first: host.printed,
    result: host.run(),
  }));
}

test.each(MISTAKES)('%s', async (_name, mistake, offset, thing, rule) => {
  const { first, result } = await run(programOf(mistake));

  const address = Number(first[0]) + offset;
  expect(result.failure?.message).toContain(`${thing} 0x${address.toString(16)} ${rule}`);
});

test('a program without mistakes goes on', async () => {
  const { result } = await run(programOf(BOTH_ARE_FREE));

  expect(result.failure).toBeUndefined();
});
