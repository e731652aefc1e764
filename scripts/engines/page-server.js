// Serves the payload to a browser on this machine, and takes the result back: so no browser needs a driver.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { moduleGraph } from './graph.js';
import { ROOT } from './prepare.js';

const ENTRY = new URL('page-entry.js', import.meta.url);
const FOLDERS = [
  'dist/',
  'node_modules/',
  'scripts/engines/',
  'tests/contract/',
  '.cache/engines/payload/',
];
const TYPES = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
};
/** With these a page is alone in its process, and its clock is finer. Memory of guests is not shared. */
const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cache-control': 'no-store',
};

/** Returns the page's address, `result`, a promise of what the page sends, and `close()`. */
export async function servePage() {
  const { promise: result, resolve, reject } = withResolvers();
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      const body = JSON.parse(await text(request));
      response.writeHead(204).end();
      return request.url === '/result' ? resolve(body) : reject(new Error(body));
    }
    const [status, type, body] = await answer(new URL(request.url, 'http://localhost').pathname);
    response.writeHead(status, { 'content-type': type, ...HEADERS }).end(body);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { address: `http://127.0.0.1:${server.address().port}/`, result, close };
}

async function answer(pathname) {
  if (pathname === '/') return [200, TYPES['.html'], page()];
  const path = normalize(decodeURIComponent(pathname)).slice(1).replaceAll('\\', '/');
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const isServed = FOLDERS.some((folder) => path.startsWith(folder));
  const body = isServed ? await readFile(join(ROOT, path)).catch(() => undefined) : undefined;
  return body === undefined ? [404, 'text/plain', 'not found'] : [200, type, body];
}

function page() {
  const { packages } = moduleGraph(ENTRY);
  const imports = packages.map(({ specifier, target }) => [specifier, `/${target}`]);
  return `<!doctype html>
<meta charset="utf-8">
<script type="importmap">${JSON.stringify({ imports: Object.fromEntries(imports) })}</script>
<script type="module" src="/scripts/engines/page-entry.js"></script>
`;
}

async function text(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  return body;
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
