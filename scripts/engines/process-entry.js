// The payload in an engine that has node:fs: Node, Bun, Deno. Prints one line of JSON.

import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { runPayload } from './payload.js';

const PAYLOAD = new URL('../../.cache/engines/payload/', import.meta.url);
const SUITE = new URL('../../tests/contract/suite/', import.meta.url);

const compiled = (folder) => async (name) =>
  WebAssembly.compile(await readFile(new URL(name, folder)));

// Node 20 can hang where it waits for nothing but its compilers: they may wait for it to collect garbage. A timer is
// something else to wait for.
const alive = setInterval(() => {}, 2 ** 30);
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
clearInterval(alive);
