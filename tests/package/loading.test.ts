// What an entry of the package makes an engine load: nothing of Node where a browser is to load it too, and no
// compiler or optimiser before something is compiled.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { moduleGraph } from '../../scripts/module-graph.js';
import { blocks } from '../documents.js';
import { compileSource, writeGuest } from '../guests/compile.js';

const { exports: FILES } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Readonly<Record<string, string>>;
};
const COMMAND = resolve('bin/wasm-rseq.js');
const BROWSER_ENTRIES = ['.', './kernel', './abi', './check'];
/** vitest loads what it likes, and the others are no JavaScript. */
const ENTRIES = Object.keys(FILES).filter(
  (name) => !/^\.\/(?:vitest|package\.json|search\.wasm)$/.test(name),
);
/** Bytes, compressed, of what `.` loads: what the documents say. */
const BUDGET = { gzip: 120_000, bundledGzip: 40_000 };
const PROGRAM = 'export function main(): i32 { return 0; }';

const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-loading-'));
const wasmFile = join(folder, 'program.wasm');
beforeAll(async () => writeFileSync(wasmFile, (await compileSource(PROGRAM)).wasm));
afterAll(() => rmSync(folder, { recursive: true }));

function urlOf(entry: string): string {
  return pathToFileURL(resolve(FILES[entry] as string)).href;
}

/** The modules a process has loaded, as V8 says that counts what was executed. Errors: Error when it fails. */
function loadedBy(argv: readonly string[]): string[] {
  const coverage = mkdtempSync(join(folder, 'coverage-'));
  const env = { ...process.env, NODE_V8_COVERAGE: coverage };
  const { status, stderr } = spawnSync(process.execPath, argv, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const urls = readdirSync(coverage).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(coverage, name), 'utf8')) as {
      result: readonly { readonly url: string }[];
    };
    return result.map(({ url }) => url);
  });
  return [...new Set(urls)].filter((url) => url.startsWith('file:'));
}

function loadedByCode(code: string): string[] {
  const file = join(mkdtempSync(join(folder, 'code-')), 'main.mjs');
  writeFileSync(file, code);
  return loadedBy([file]).filter((url) => url !== pathToFileURL(file).href);
}

function compilersAmong(urls: readonly string[]): string[] {
  return urls.filter((url) => /\/node_modules\/(?:binaryen|assemblyscript)\//.test(url));
}

describe('the imports of', () => {
  test.each(BROWSER_ENTRIES)('%s lead to nothing of Node', (entry) => {
    expect(moduleGraph(urlOf(entry)).builtins).toEqual([]);
  });

  test.each(ENTRIES)('%s lead to no compiler', (entry) => {
    expect(compilersAmong(moduleGraph(urlOf(entry)).modules)).toEqual([]);
  });

  test.each(ENTRIES)('%s lead to all that is loaded with it', (entry) => {
    const loaded = loadedByCode(`import '${urlOf(entry)}';`);

    expect(loaded.sort()).toEqual([...moduleGraph(urlOf(entry)).modules].sort());
  });
});

describe('the import map of the documents', () => {
  const documents = readdirSync('docs').map((name) => join('docs', name));
  const maps = documents
    .flatMap(blocks)
    .filter(({ language, text }) => language === 'json' && text.includes('"imports"'))
    .map(({ text }) => (JSON.parse(text) as { imports: Readonly<Record<string, string>> }).imports);
  const [imports = {}] = maps;

  test('is one, and leads where Node finds the packages', () => {
    expect(maps).toHaveLength(1);
    for (const [name, path] of Object.entries(imports)) {
      const file = path.replace(/^\/node_modules\/wasm-rseq\//, '/');
      expect([name, pathToFileURL(join('.', file)).href]).toEqual([
        name,
        import.meta.resolve(name),
      ]);
    }
  });

  test.each(BROWSER_ENTRIES)('has all the packages that %s imports', (entry) => {
    const packages = moduleGraph(urlOf(entry)).modules.filter((url) => {
      return url.includes('/node_modules/');
    });
    const mapped = Object.values(imports).map((path) => pathToFileURL(join('.', path)).href);

    expect(packages.filter((url) => !mapped.includes(url))).toEqual([]);
  });
});

describe('a prebuilt module', () => {
  test('is run by a host without a compiler', () => {
    const loaded = loadedByCode(`
      import { readFileSync } from 'node:fs';
      import { createHost } from '${urlOf('.')}';
      const host = await createHost({ wasm: readFileSync(${JSON.stringify(wasmFile)}) });
      if (!host.run().ok) process.exitCode = 1;`);

    expect(loaded).toContain(urlOf('.'));
    expect(compilersAmong(loaded)).toEqual([]);
  });

  test.each(['run', 'inspect', 'check'])('is no reason for %s to load one', (command) => {
    const loaded = loadedBy([COMMAND, command, wasmFile]);

    expect(loaded).toContain(pathToFileURL(COMMAND).href);
    expect(compilersAmong(loaded)).toEqual([]);
  });

  test('is no source: that takes a compiler', () => {
    const loaded = loadedBy([COMMAND, 'run', writeGuest(PROGRAM), '--no-cache']);

    expect(compilersAmong(loaded)).not.toEqual([]);
  });
});

describe('npm run size', () => {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/size.js', '--json'], {
    encoding: 'utf8',
  });
  const { entries } = JSON.parse(stdout) as {
    entries: readonly {
      readonly entry: string;
      readonly gzip: number;
      bundledGzip: number | null;
    }[];
  };

  test('measures every entry a browser can load', () => {
    expect(status).toBe(0);
    expect(entries.map(({ entry }) => entry)).toEqual(BROWSER_ENTRIES);
  });

  test('finds that the host keeps to its budget', () => {
    const [host] = entries;

    expect(host?.gzip).toBeLessThan(BUDGET.gzip);
    expect(host?.bundledGzip ?? 0).toBeLessThan(BUDGET.bundledGzip);
  });
});
