// The documents are true: every command and snippet in them is executed, in order, in a folder where the
// package is installed; every file they point to exists. Those of README.md are in tests/package/pack.test.ts.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blocks, execute } from './documents.js';

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'bench/README.md',
  'examples/embed-browser/README.md',
  'examples/embed-c/README.md',
  'examples/malloc-replay/README.md',
  'examples/param-test/README.md',
  'examples/rcu-hash-table/README.md',
  'examples/two-modules/README.md',
  'examples/wordcount/README.md',
  'tests/contract/suite/README.md',
  ...readdirSync('docs').map((name) => `docs/${name}`),
];

/** A folder that sees the examples, and programs of the tests, and has the package installed. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-docs-'));
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  for (const name of ['examples', 'tests']) symlinkSync(resolve(name), join(folder, name));
  return folder;
}

describe.each(DOCUMENTS.filter((document) => document !== 'README.md'))('%s', (document) => {
  test('has only commands and snippets that work', () => {
    const folder = newFolder();

    for (const block of blocks(document)) execute(block, folder);
  });
});

describe.each(DOCUMENTS)('%s', (document) => {
  test('points only to files that exist', () => {
    const text = readFileSync(document, 'utf8');
    const links = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, target = '']) => target);
    const local = links.filter((target) => !target.startsWith('http'));

    for (const target of local) {
      expect([target, existsSync(join(dirname(document), target))]).toEqual([target, true]);
    }
  });

  test('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object };
    const text = readFileSync(document, 'utf8');
    const named = [...text.matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, name]) => name);

    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });
});

describe('README.md', () => {
  test('begins with the two lines that do all the set-up', () => {
    const [first] = blocks('README.md');

    expect(first).toEqual({ language: 'sh', text: 'npm ci && npm start\nnpm ci && npm test\n' });
  });

  test('has an example of the host in under 20 lines', () => {
    const [example] = blocks('README.md').filter(({ language }) => language === 'js');

    expect(example?.text.trim().split('\n').length).toBeLessThan(20);
  });

  test('is what CI runs', () => {
    const script = readFileSync('.ci/run', 'utf8');

    const [install, tests, start] = ['npm ci', 'npm test', 'npm start'].map((command) =>
      script.indexOf(`\n${command}`),
    ) as [number, number, number];
    expect(install).toBeGreaterThan(0);
    expect(tests).toBeGreaterThan(install);
    expect(start).toBeGreaterThan(tests);
  });

  test('runs the command by npx from the root', () => {
    const help = execFileSync('npx', ['--no-install', 'wasm-rseq', '--help'], { encoding: 'utf8' });

    expect(help).toMatch(/run.*build.*inspect|build.*run.*inspect/s);
  });
});
