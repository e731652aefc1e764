// The payload in an engine that has node:fs: Node, Bun, Deno. Prints one line of JSON.

import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { runPayload } from './payload.js';

const PAYLOAD = new URL('../../.cache/engines/payload/', import.meta.url);
const SUITE = new URL('../../tests/contract/suite/', import.meta.url);

// Not WebAssembly.compile: of hundreds of modules in a row, Node 20 sometimes finishes one never.
const compiled = (folder) => async (name) =>
  new WebAssembly.Module(await readFile(new URL(name, folder)));

const result = await runPayload({
  manifest: JSON.parse(await readFile(new URL('manifest.json', PAYLOAD), 'utf8')),
  readModule: compiled(PAYLOAD),
  readBytes: async (name) => new Uint8Array(await readFile(new URL(name, PAYLOAD))),
  contract: {
    readText: (name) => readFile(new URL(name, SUITE), 'utf8'),
    readModule: compiled(SUITE),
  },
  pause: () => setImmediate(),
  now: () => performance.now(),
});
console.log(JSON.stringify(result));
