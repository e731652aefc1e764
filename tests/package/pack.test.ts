// What npm publishes is enough: in an empty folder with the package and what it depends on, and nothing else,
// every snippet and command of the README works.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocks, execute } from '../documents.js';

const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-pack-'));
const installed = join(folder, 'node_modules/wasm-rseq');
afterAll(() => rmSync(folder, { recursive: true }));

/** As npm does, without a network. What is built is packed: `prepare` would build it under others' feet. */
beforeAll(() => {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(
    execFileSync('npm', pack, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  ) as [{ filename: string }];
  mkdirSync(installed, { recursive: true });
  const unpack = ['-xzf', join(folder, filename), '--strip-components', '1', '-C', installed];
  execFileSync('tar', unpack);
  for (const name of dependencies()) linkPackage(name);
  cpSync(join(installed, 'examples'), join(folder, 'examples'), { recursive: true });
});

function dependencies(): string[] {
  const { dependencies: versions } = JSON.parse(
    readFileSync(join(installed, 'package.json'), 'utf8'),
  ) as { dependencies: Readonly<Record<string, string>> };
  return Object.keys(versions);
}

/** What a package depends on itself it finds where it is linked to. */
function linkPackage(name: string): void {
  const link = join(folder, 'node_modules', name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(resolve('node_modules', name), link);
}

describe('the package, installed', () => {
  // In the order of the document: later ones need what earlier ones wrote.
  test.each(blocks('README.md').map((block) => [block.text.split('\n', 1)[0], block] as const))(
    'has what README.md needs for `%s`',
    (_line, block) => execute(block, folder),
  );

  test('compiles its examples where they lie', () => {
    const example = 'node_modules/wasm-rseq/examples/counter/main.ts';
    const text = `npx wasm-rseq build ${example} --no-cache -o example.wasm\n`;

    execute({ language: 'sh', text }, folder);
  });

  test('has the file of every entry, and its types', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Readonly<Record<string, string>>;
    };
    const files = Object.values(exports).flatMap((file) => {
      return file.endsWith('.js') ? [file, file.replace(/\.js$/, '.d.ts')] : [file];
    });

    for (const file of files) expect(readFileSync(join(installed, file)).length).toBeGreaterThan(0);
  });
});
