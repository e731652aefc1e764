// malloc where programs or memory are at fault: robust mode names what was freed wrongly, and without memory there
// are no blocks.

import { describe, expect, test } from 'vitest';
import { bootSource } from '../guests/compile.js';

const IMPORTS = `
import { join, nrThreads, printNumber, rseq, spawn } from 'wasm-rseq/assembly';
import {
  alignedAlloc, calloc, free, malloc, mallocHeapBytes, mallocSetRobust, mallocUsableSize, realloc,
} from 'wasm-rseq/assembly/percpu/malloc';
`;

/** A robust program with a block of 40 bytes, a large one, and what it does wrong. */
function programOf(mistake: string): string {
  return `${IMPORTS}
export function main(): i32 {
  assert(rseq.register() == 0 && mallocSetRobust());
  const block = malloc(40);
  const large = malloc(100000);
  printNumber(block);
  ${mistake}
  return 0;
}`;
}

/** What is wrong; where, from the block. */
const MISTAKES: readonly (readonly [string, string, number | undefined])[] = [
  ['a block that is freed twice', 'free(block); free(block);', 0],
  [
    'a block that is freed twice, another one between',
    'free(block); free(malloc(500)); free(block);',
    0,
  ],
  ['the middle of a block', 'free(block + 8);', 8],
  ['an odd address', 'free(block + 1);', 1],
  ['what was never given', 'free(block + 40);', 40],
  ['a large block, twice', 'free(large); free(large);', undefined],
  ['a page of a large block', 'free(large + 4096);', undefined],
  ['a constant', 'free(64);', undefined],
  ['the end of memory', 'free(0xfffffff8);', undefined],
  ['a block that was moved', 'assert(realloc(block, 1000) != block); free(block);', 0],
];

describe('in robust mode', () => {
  test.each(MISTAKES)('%s is not freed', async (_what, mistake, offset) => {
    const host = await bootSource(programOf(mistake));

    const { failure } = host.run();

    expect(failure?.message).toMatch(
      /SIGABRT.*: malloc: block 0x[0-9a-f]+ is freed, but not in use$/,
    );
    if (offset === undefined) return;
    const block = Number(host.printed[0]) + offset;
    expect(failure?.message).toContain(`0x${block.toString(16)} `);
  });

  test('what is right is', async () => {
    const right = `
      free(0); free(block); free(large);
      free(realloc(calloc(3, 50), 70000)); free(alignedAlloc(4096, 10)); free(realloc(malloc(70000), 90000));
      assert(!mallocSetRobust(), 'too late');
    `;

    expect((await bootSource(programOf(right))).run().failure).toBeUndefined();
  });

  test('it begins with the first block, or not at all', async () => {
    const late = `${IMPORTS}
export function main(): i32 {
  free(malloc(8));
  return mallocSetRobust() ? 1 : 0;
}`;

    expect((await bootSource(late)).run().failure).toBeUndefined();
  });
});

describe('without memory', () => {
  const GREEDY = `${IMPORTS}
function take(size: usize): i32 {
  let count = 0;
  let list: usize = 0;
  for (let block = malloc(size); block != 0; block = malloc(size)) {
    store<usize>(block, list);
    list = block;
    count++;
  }
  while (list != 0) {
    const next = load<usize>(list);
    free(list);
    list = next;
  }
  return count;
}

export function main(): i32 {
  assert(rseq.register() == 0);
  const size = <usize>nrThreads();
  const first = take(size);
  assert(first > 0, 'nothing at all');
  assert(take(size) >= first, 'less than the first time');
  assert(calloc(1, 1 << 28) == 0 && realloc(0, 1 << 28) == 0, 'more than there is');
  printNumber(first);
  printNumber(mallocHeapBytes());
  return 0;
}`;

  test.each([16, 1000])(
    'there are no blocks of %i bytes, and what is freed comes back',
    async (size) => {
      const host = await bootSource(
        GREEDY,
        { threads: size, memoryLimit: 64 },
        { metering: 'block' },
      );

      expect(host.run().failure).toBeUndefined();

      const [count, bytes] = host.printed.map(Number) as [number, number];
      expect(bytes).toBeLessThanOrEqual(64 * 65536);
      expect(count * size).toBeGreaterThan(bytes * 0.7);
    },
  );
});
