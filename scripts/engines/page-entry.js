// The payload in a page. Sends the result, or what went wrong, back to the server that it is from.

import { runPayload } from './payload.js';

const PAYLOAD = '/.cache/engines/payload';
const SUITE = '/tests/contract/suite';

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

const compiled = (folder) => (name) => WebAssembly.compileStreaming(get(`${folder}/${name}`));

const send = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body) });

try {
  const result = await runPayload({
    manifest: await (await get(`${PAYLOAD}/manifest.json`)).json(),
    readModule: compiled(PAYLOAD),
    readBytes: async (name) =>
      new Uint8Array(await (await get(`${PAYLOAD}/${name}`)).arrayBuffer()),
    contract: {
      readText: async (name) => (await get(`${SUITE}/${name}`)).text(),
      readModule: compiled(SUITE),
    },
    pause: () => new Promise((resume) => setTimeout(resume)),
    now: () => performance.now(),
  });
  await send('/result', result);
} catch (error) {
  await send('/error', `${error.message}\n${error.stack}`);
}
