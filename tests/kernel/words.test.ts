// Words of a state: however many are copied, and by whatever way, they are the same words.

import { expect, test } from 'vitest';
import { copyWords, WordReader, WordWriter } from '../../src/kernel/words.js';

const LENGTHS = [0, 1, 47, 48, 49, 50, 300];
const WORDS = Int32Array.from({ length: 400 }, (_, at) => at * 7 - 1000);

test.each(LENGTHS)('%i words are copied to where they belong, and no others', (length) => {
  const to = new Int32Array(400).fill(5);

  copyWords(WORDS, 10, length, to, 20);

  const expected = Array.from({ length: 400 }, (_, at) =>
    at >= 20 && at < 20 + length ? WORDS[at - 10] : 5,
  );
  expect([...to]).toEqual(expected);
});

test.each(LENGTHS)('%i words that may be addresses are written as one by one', (length) => {
  const [one, all] = [new WordWriter(), new WordWriter()];
  one.word(3);
  for (let at = 0; at < length; at++) one.address(WORDS[10 + at] as number);
  all.word(3);

  all.addressesFrom(WORDS, 10, length);

  expect(all.length).toBe(length + 1);
  expect(all.addresses).toEqual(one.addresses);
  expect(all.words.slice(0, all.length)).toEqual(one.words.slice(0, one.length));
});

test.each(LENGTHS)('%i words are read as one by one', (length) => {
  const reader = new WordReader(WORDS, 10);
  const to = new Int32Array(400);

  reader.wordsTo(to, 3, length);

  expect(to.slice(3, 3 + length)).toEqual(WORDS.slice(10, 10 + length));
  expect(reader.next).toBe(WORDS[10 + length]);
});
