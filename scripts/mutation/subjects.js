// What is mutated: the right programs of the corpus, and the primitives of the library, each with the
// harness that tests/check/primitives has for it.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');
const CORPUS = 'tests/corpus';
const LIBRARY = 'assembly/percpu';
const HARNESSES = 'tests/check/primitives';

/**
 * A subject: its name, the file that is mutated, what it is checked with, and the programs that have `text`
 * for that file, as files by name; program.ts is the main one of each.
 */
export function corpusSubjects(corpus) {
  return corpus.map(({ name, cpus, abi, signals, preemptions }) => ({
    name,
    file: `${CORPUS}/${name}/right.ts`,
    settings: { cpus, abi, signals, preemptions },
    programs: (text) => [{ 'program.ts': text }],
  }));
}

/** The harnesses of NAME.ts are NAME.ts and NAME-*.ts. Errors: a primitive has none. */
export function librarySubjects() {
  return list(LIBRARY).map((file) => {
    const name = basename(file, '.ts');
    const own = list(HARNESSES).filter((each) => each === file || each.startsWith(`${name}-`));
    if (own.length === 0) throw new Error(`${LIBRARY}/${file} has no harness in ${HARNESSES}`);
    const harnesses = own.map((harness) => read(`${HARNESSES}/${harness}`));
    return {
      name: `percpu/${name}`,
      file: `${LIBRARY}/${file}`,
      settings: { cpus: 2, signals: 1 },
      programs: (text) =>
        harnesses.map((harness) => ({
          'threads.ts': read(`${HARNESSES}/threads.ts`),
          'program.ts': harness.replaceAll(`'wasm-rseq/${LIBRARY}/${name}'`, `'./${name}'`),
          [file]: outside(text),
        })),
    };
  });
}

export function read(file) {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** A file of assembly/percpu that stands outside of the library. */
function outside(text) {
  return text
    .replaceAll(/(from\s+')\.\.\/\.\.\//g, '$1wasm-rseq/')
    .replaceAll(/(from\s+')\.\.\//g, '$1wasm-rseq/assembly/')
    .replaceAll(/(from\s+')\.\//g, '$1wasm-rseq/assembly/percpu/');
}

function list(folder) {
  return readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.ts'))
    .sort();
}
