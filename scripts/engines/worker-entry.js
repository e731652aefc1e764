// The payload in workerd, which compiles nothing at run time: modules and files are parts of the worker. A
// request is answered with the result, as JSON.

import { useSearchModule } from 'wasm-rseq/check';
import { runPayload } from './payload.js';

const part = async (path) => (await import(path)).default;

const pause = () => new Promise((resume) => setTimeout(resume));

export default {
  async fetch() {
    useSearchModule(await part('../../dist/check/search.wasm'));
    const result = await runPayload({
      manifest: await part('../../.cache/engines/payload/manifest.json'),
      readModule: (name) => part(`../../.cache/engines/payload/${name}`),
      readBytes: async (name) => new Uint8Array(await part(`../../.cache/engines/payload/${name}`)),
      contract: {
        readText: (name) => part(`../../tests/contract/suite/${name}`),
        readModule: (name) => part(`../../tests/contract/suite/${name}`),
      },
      pause,
      // Its clock stands still while a worker computes.
      now: async () => {
        await pause();
        return performance.now();
      },
    });
    return Response.json(result);
  },
};
