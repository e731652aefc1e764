// Contents of memory: many words written at once are what they would be one by one.

import { expect, test } from 'vitest';
import { MemoryStates } from '../../src/check/memory-states.js';
import { SearchCore } from '../../src/check/search-core.js';

const LINE = 64;
const CHUNK = 1024;
const GLOBAL = 0xffff0008;

const WRITES: readonly [name: string, stores: readonly number[]][] = [
  ['a word', [LINE, 1]],
  ['words of a line', [LINE, 1, LINE + 4, 2, LINE + 60, 3]],
  ['a word twice', [LINE, 1, LINE + 4, 2, LINE, 3]],
  ['words of two lines in turn', [LINE, 1, 2 * LINE, 2, LINE + 4, 3, 2 * LINE + 4, 4]],
  ['words of two chunks', [CHUNK - 4, 1, CHUNK, 2, CHUNK + 4, 3]],
  ['what was there at the beginning', [LINE, LINE, LINE + 4, LINE + 4]],
  ['what was there, of a line that was another', [8, 8, 12, 12]],
  ['words in the upper half, and variables', [0x80000000, 1, 0x80000004, 2, GLOBAL, 3]],
];

/** Every word of eight chunks, and of the variables, is its address at the beginning; two are other ones already. */
function begin(): { memory: MemoryStates; content: number } {
  const words = Int32Array.from({ length: (8 * CHUNK) / 4 }, (_, at) => at * 4);
  const variables = [GLOBAL - 8, GLOBAL - 4, GLOBAL, GLOBAL + 4];
  const memory = new MemoryStates(new SearchCore(), words, variables);
  return { memory, content: memory.write(memory.write(0, 8, -8), 12, -12) };
}

test.each(WRITES)('%s', (_name, stores) => {
  const { memory, content } = begin();
  let expected = content;
  for (let at = 0; at < stores.length; at += 2) {
    expected = memory.write(expected, stores[at] as number, stores[at + 1] as number);
  }

  const written = memory.writeAll(content, stores);

  expect(written).toBe(expected);
});

test.each(WRITES)(
  '%s: the fingerprint does not depend on what was made before',
  (_name, stores) => {
    const { memory, content } = begin();
    const other = begin();
    const detour = other.memory.writeAll(other.content, [CHUNK * 7, 5, LINE, 9, 0, 4]);
    const back = other.memory.writeAll(detour, [0, 0, LINE, LINE, CHUNK * 7, CHUNK * 7]);

    const one = memory.writeAll(content, stores);
    const two = other.memory.writeAll(back, stores);

    expect(back).toBe(other.content);
    expect([memory.low(one), memory.high(one)]).toEqual([
      other.memory.low(two),
      other.memory.high(two),
    ]);
  },
);
