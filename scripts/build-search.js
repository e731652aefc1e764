// The inner part of the checker's search, assembly/search, as WebAssembly in src/check/search-module.ts, so that
// whatever takes ECMAScript takes it too; and as dist/check/search.wasm, for runtimes that compile none.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const BINARY = 'dist/check/search.wasm';
const SOURCE = 'src/check/search-module.ts';

const config = ['--config', 'assembly/search/asconfig.json', '--baseDir', ROOT];
const { error, stderr } = await asc.main([...config, '--outFile', BINARY], {
  writeFile: (name, contents) => writeIfOther(name, contents),
});
if (error) throw new Error(`assembly/search does not compile:\n${stderr.toString()}`);
writeIfOther(SOURCE, asSource(readFileSync(resolve(ROOT, BINARY))));

/** As words of four bytes, so that nothing has to be decoded. */
function asSource(binary) {
  const padded = Buffer.concat([binary, Buffer.alloc(-binary.length & 3)]);
  const words = new Int32Array(padded.buffer, padded.byteOffset, padded.length / 4);
  return [
    '// Made by scripts/build-search.js of assembly/search.',
    `const WORDS = new Int32Array([${words.join()}]);`,
    `export const SEARCH_MODULE: Uint8Array<ArrayBuffer> = new Uint8Array(WORDS.buffer, 0, ${binary.length});`,
    '',
  ].join('\n');
}

/** Files that stay as they are keep their time, and are not compiled again. */
function writeIfOther(name, contents) {
  const file = resolve(ROOT, name);
  const bytes = Buffer.from(contents);
  if (bytes.equals(readOrNothing(file))) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

function readOrNothing(file) {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}
