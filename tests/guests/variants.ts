// Programs of a folder, as they are or changed, with the guest library, which is changed with them.

import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(tmpdir(), 'wasm-rseq-tests');

/**
 * What becomes of the sources: nothing; all labels are removed, so no thread is ever sent back; sections look
 * again at what they have compared, and trap if it is not what it was.
 */
export type Variant = 'plain' | 'twin' | 'compare-twice';

export interface Source {
  /** Below its folder. */
  readonly path: string;
  readonly text: string;
}

export interface WrittenProgram {
  readonly folder: string;
  /** The guest library that goes with it, when it is not ours. */
  readonly libraryFolder?: string;
}

/** Write what is in `folder`, with `main` in the place of what has its name, and its library. */
export function writeProgram(folder: string, variant: Variant, main?: Source): WrittenProgram {
  const others = readSources(folder).filter(({ path }) => path !== main?.path);
  const sources = main === undefined ? others : [main, ...others];
  if (variant === 'plain') return { folder: writeOnce(sources) };
  const change = changeOf(variant);
  return { folder: writeOnce(sources.map(change)), libraryFolder: writeLibrary(variant) };
}

/** A package folder with the guest library, changed. */
export function writeLibrary(variant: Variant): string {
  const library = readLibrary('assembly').map(changeOf(variant));
  return writeOnce([...library, ...readLibrary('src/abi')]);
}

function changeOf(variant: Variant): (source: Source) => Source {
  if (variant === 'plain') return (source) => source;
  const change = variant === 'twin' ? withoutLabels : withComparisonsTwice;
  return ({ path, text }) => ({ path, text: change(text) });
}

function readLibrary(folder: string): Source[] {
  return readSources(join(ROOT, folder)).map(({ path, text }) => ({
    path: join(folder, path),
    text,
  }));
}

function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
}

function withoutLabels(text: string): string {
  return text.replaceAll(/rseq\.(start|end)\(\);/g, '').replaceAll(/rseq\.restart\(\)/g, '0');
}

/** What librseq does when it is built with RSEQ_COMPARE_TWICE; in the operations, all returns are in sections. */
function withComparisonsTwice(text: string): string {
  return text
    .replaceAll(/if \((.* [!=]= .*)\) return -?1;/g, '$& if ($1) unreachable();')
    .replaceAll(/const (\w+) = (load<usize>\(v\));/g, '$& if ($2 != $1) unreachable();');
}

function writeOnce(sources: readonly Source[]): string {
  const digest = createHash('sha256').update(JSON.stringify(sources)).digest('hex').slice(0, 16);
  const folder = join(FOLDER, digest);
  for (const { path, text } of sources) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    // Each file appears whole: other test files may be compiling it.
    const temporary = join(folder, randomUUID());
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  }
  return folder;
}
