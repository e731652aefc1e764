// examples/rcu-hash-table: readers of a table that is resized and freed.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import { createHost, type HostOptions } from '../../src/host/index.js';
import { compileProgram } from '../../src/toolchain/index.js';
import { CACHE_FOLDER } from '../guests/compile.js';

const SEEDS = [1, 2, 3, 4, 5];
const FOLDER = 'examples/rcu-hash-table';

async function run(program: string, abi: AbiName, options: Omit<HostOptions, 'wasm'>) {
  const compiled = await compileProgram(`${FOLDER}/${program}`, { abi, cacheFolder: CACHE_FOLDER });
  const printed: string[] = [];
  const { wasm, sourceMap } = compiled;
  const host = await createHost({
    wasm: wasm as BufferSource,
    sourceMap,
    ...options,
    onOutput: (_fd, bytes) => printed.push(new TextDecoder().decode(bytes)),
  });
  return { result: host.run(), text: printed.join('') };
}

describe.each(ABI_NAMES)('on %s', (abi) => {
  const cpus = abi === 'ras' ? 1 : 3;

  test('readers miss no key and see no table that was freed', async () => {
    for (const seed of SEEDS) {
      const { result, text } = await run('main.ts', abi, { cpus, threads: 6, quantum: 300, seed });

      expect(result.failure, `seed ${seed}`).toBeUndefined();
      expect(text).toMatch(
        /^40 resizes, \d{3,} lookups\n0 keys missed, 0 lookups in a freed table\n$/,
      );
      expect(result.preemptions).toBeGreaterThan(100);
    }
  });

  test('readers of a table that is freed without waiting see that', async () => {
    const settings = { cpus, threads: 6, quantum: 300 };

    const { result, text } = await run('unsynchronized.ts', abi, settings);

    expect(result.failure).toBeDefined();
    expect(text).toMatch(/[1-9]\d* lookups in a freed table\n$/);
  });
});
