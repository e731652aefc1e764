// docs/pseudocode.md: every primitive of the library has its section there.

import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';

const FILES = readdirSync('assembly/percpu').filter((file) => file.endsWith('.ts'));
const DOCUMENT = readFileSync('docs/pseudocode.md', 'utf8');

/** By heading. */
const SECTIONS = new Map(
  DOCUMENT.split(/^## /m)
    .slice(1)
    .map((text) => [text.split('\n')[0], text]),
);

describe('docs/pseudocode.md', () => {
  test.each(FILES)('has a section for %s, with every function that has a commit', (file) => {
    const section = SECTIONS.get(basename(file, '.ts'));

    expect(section).toBeDefined();
    for (const name of functionsWithSections(readFileSync(`assembly/percpu/${file}`, 'utf8'))) {
      expect(section).toMatch(new RegExp(`^(\\w+, )*${name}\\b`, 'm'));
    }
  });

  test('has no section without a primitive', () => {
    expect([...SECTIONS.keys()]).toEqual(
      expect.arrayContaining(FILES.map((file) => basename(file, '.ts'))),
    );
    expect(SECTIONS.size).toBe(FILES.length);
  });
});

function functionsWithSections(text: string): string[] {
  const functions = text.split(/^export function /m).slice(1);
  return functions
    .filter((each) => each.includes('rseq.start()'))
    .map((each) => /^\w+/.exec(each)?.[0] ?? '');
}
