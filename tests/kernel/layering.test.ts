// Which layer may know what, as rules over the source text. tsc's project references keep imports in
// their direction; these keep out what no reference stops.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

interface Source {
  /** Path from src, with forward slashes. */
  readonly path: string;
  readonly code: string;
  readonly imports: readonly string[];
}

const SOURCES: readonly Source[] = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => {
    const file = join(entry.parentPath, entry.name);
    const code = withoutComments(readFileSync(file, 'utf8'));
    const path = relative(SRC, file).replaceAll('\\', '/');
    return { path, code, imports: importsOf(code) };
  });

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s\/\/ .*$/gm, '');
}

function importsOf(code: string): string[] {
  const specifiers = code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g);
  return [...specifiers].map((match) => match[1] as string);
}

function sourcesIn(...layers: readonly string[]): Source[] {
  return SOURCES.filter(({ path }) => layers.some((layer) => path.startsWith(`${layer}/`)));
}

/** Files whose code matches. */
function naming(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.filter(({ code }) => pattern.test(code)).map(({ path }) => path);
}

/** `file -> specifier` of every import that is not allowed. */
function strayImports(
  sources: readonly Source[],
  isAllowed: (source: Source, name: string) => boolean,
): string[] {
  return sources.flatMap((source) =>
    source.imports
      .filter((name) => !isAllowed(source, name))
      .map((name) => `${source.path} -> ${name}`),
  );
}

/** The layer that a relative import leads to; undefined for a package. */
function layerOf(source: Source, name: string): string | undefined {
  if (!name.startsWith('.')) return undefined;
  const target = new URL(name, `file:///${source.path}`).pathname;
  return target.split('/')[1];
}

describe('src/abi and src/kernel', () => {
  test.each([
    ['WebAssembly', /\bWebAssembly\b/],
    ['a clock', /\bDate\b|\bperformance\b/],
    ['randomness', /\bMath\.random\b|\bcrypto\b/],
    ['a timer', /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/],
    ['Node', /['"]node:|\bprocess\.(?:env|argv|exit|stdout|nextTick)\b|\bBuffer\b/],
    ['promises', /\bPromise\b|\basync\b|\bawait\b/],
    ['a console of the host', /\bconsole\.(?:log|error|warn)\b/],
  ])('name no %s', (_what, pattern) => {
    expect(naming(sourcesIn('abi', 'kernel'), pattern)).toEqual([]);
  });
});

describe('src/host, src/check and src/vitest', () => {
  test('name no Node', () => {
    const pattern = /['"]node:|\bprocess\.(?:env|argv|exit|stdout|nextTick)\b|\bBuffer\./;

    expect(naming(sourcesIn('host', 'check', 'vitest'), pattern)).toEqual([]);
  });
});

describe('imports', () => {
  test('src/abi imports nothing outside itself', () => {
    const stray = strayImports(sourcesIn('abi'), (source, name) => layerOf(source, name) === 'abi');

    expect(stray).toEqual([]);
  });

  test('src/kernel imports src/abi, itself and pure-rand', () => {
    const stray = strayImports(sourcesIn('kernel'), (source, name) => {
      const layer = layerOf(source, name) ?? name.split('/')[0] ?? '';
      return ['abi', 'kernel', 'pure-rand'].includes(layer);
    });

    expect(stray).toEqual([]);
  });

  test('src/check imports src/abi, src/kernel, src/host and itself', () => {
    const stray = strayImports(sourcesIn('check'), (source, name) => {
      return ['abi', 'kernel', 'host', 'check'].includes(layerOf(source, name) ?? name);
    });

    expect(stray).toEqual([]);
  });

  test('src/node imports what is built in, src/abi, src/kernel, src/host, src/check and itself', () => {
    const stray = strayImports(sourcesIn('node'), (source, name) => {
      const layer = layerOf(source, name) ?? name.split(':')[0] ?? '';
      return ['abi', 'kernel', 'host', 'check', 'node'].includes(layer);
    });

    expect(stray).toEqual([]);
  });

  test('only src/node, src/toolchain and src/cli name Node', () => {
    const others = SOURCES.filter(({ path }) => !/^(?:node|toolchain|cli)\//.test(path));

    expect(strayImports(others, (_source, name) => !name.startsWith('node:'))).toEqual([]);
  });

  test('only src/vitest names vitest, and src/check besides', () => {
    const others = SOURCES.filter(({ path }) => !path.startsWith('vitest/'));
    const stray = strayImports(sourcesIn('vitest'), (source, name) => {
      return ['vitest', 'check'].includes(layerOf(source, name) ?? name);
    });

    expect(strayImports(others, (_source, name) => name !== 'vitest')).toEqual([]);
    expect(stray).toEqual([]);
  });

  test('only src/toolchain names binaryen', () => {
    const others = SOURCES.filter(({ path }) => !path.startsWith('toolchain/'));

    expect(strayImports(others, (_source, name) => !name.startsWith('binaryen'))).toEqual([]);
  });

  test('src/toolchain knows neither kernel nor host', () => {
    const stray = strayImports(sourcesIn('toolchain'), (source, name) => {
      const layer = layerOf(source, name);
      return layer === undefined || layer === 'abi' || layer === 'toolchain';
    });

    expect(stray).toEqual([]);
  });

  test('name the file they mean, with its extension', () => {
    const stray = strayImports(
      SOURCES,
      (_source, name) => !name.startsWith('.') || /\.(?:js|json)$/.test(name),
    );

    expect(stray).toEqual([]);
  });
});

describe('all of src', () => {
  test('has no type any', () => {
    expect(naming(SOURCES, /[:<|&,(]\s*any\b(?!\s*[('"`])|\bas\s+any\b/)).toEqual([]);
  });

  test('has no default export but the transforms, which asc asks for', () => {
    const defaults = naming(SOURCES, /^export default\b|\bas default\b/m);

    expect(defaults.filter((path) => !/^toolchain\/transform[^/]*\.ts$/.test(path))).toEqual([]);
  });

  test('has no directive that silences the compiler', () => {
    const files = SOURCES.map(({ path }) => ({
      path,
      text: readFileSync(join(SRC, path), 'utf8'),
    }));

    expect(files.filter(({ text }) => /@ts-(?:ignore|nocheck)/.test(text))).toEqual([]);
  });

  test('has a first line that says what the file is', () => {
    const heads = SOURCES.map(({ path }) => [
      path,
      readFileSync(join(SRC, path), 'utf8').slice(0, 3),
    ]);

    expect(heads.filter(([, head]) => head !== '// ')).toEqual([]);
  });
});

describe('the rules bite', () => {
  const rotten: Source = {
    path: 'kernel/rotten.ts',
    code: 'export default (x: any): number => Date.now();',
    imports: ['node:fs', '../host/index.js', '../abi/errno.js'],
  };

  test('on a clock, on any, on a default export', () => {
    expect(naming([rotten], /\bDate\b/)).toEqual([rotten.path]);
    expect(naming([rotten], /[:<|&,(]\s*any\b(?!\s*[('"`])|\bas\s+any\b/)).toEqual([rotten.path]);
    expect(naming([rotten], /^export default\b/m)).toEqual([rotten.path]);
  });

  test('on an import in the wrong direction', () => {
    expect(rotten.imports.map((name) => layerOf(rotten, name))).toEqual([undefined, 'host', 'abi']);
  });
});
