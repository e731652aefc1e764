#!/usr/bin/env node
// Compiles the two counters and serves the page. A browser gets prebuilt modules: it needs no compiler of ours.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileProgram } from 'wasm-rseq/toolchain';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = '/examples/embed-browser/';
const FOLDERS = [PAGE, '/dist/', '/node_modules/'];
const PROGRAMS = { sections: 'counter', unprotected: 'counter-unprotected' };
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
/** Not needed: guests share no memory between agents. They give the page a process of its own. */
const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

const programs = new Map();
for (const [name, example] of Object.entries(PROGRAMS)) {
  const { wasm } = await compileProgram(join(ROOT, 'examples', example, 'main.ts'));
  programs.set(`${PAGE}${name}.wasm`, wasm);
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const path = normalize(pathname === '/' ? `${PAGE}index.html` : pathname).replaceAll('\\', '/');
  const isServed = FOLDERS.some((folder) => path.startsWith(folder));
  const body = programs.get(path) ?? (isServed && (await read(path)));
  const type = TYPES[extname(path)] ?? 'text/plain';
  response.writeHead(body ? 200 : 404, { 'content-type': type, ...HEADERS });
  response.end(body || 'not found');
});
server.on('error', ({ message }) => fail(message));
const port = Number(process.argv[2] ?? 8080);
if (!(Number.isInteger(port) && port >= 0 && port < 65536)) {
  fail(`port ${process.argv[2]}: not an integer from 0 to 65535`);
}
server.listen(port, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});

function fail(message) {
  console.error(`serve: ${message}`);
  process.exit(2);
}

function read(path) {
  return readFile(join(ROOT, path)).catch(() => undefined);
}
