// A program compiles to the same bytes, whatever was compiled before it in the process, and asc's own
// command with our transform makes what the API makes.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createHost } from '../../src/host/index.js';
import { compileProgram } from '../../src/toolchain/index.js';

const COUNTER = 'examples/counter/main.ts';

describe('compiling', () => {
  test('gives the same bytes every time, whatever came before', async () => {
    const first = await compileProgram(COUNTER);
    await compileProgram('examples/wordcount/sections.ts');

    const second = await compileProgram(COUNTER);

    expect(second.wasm).toEqual(first.wasm);
  });

  test('by the command asc with our transform gives a program that runs', async () => {
    const outFile = join(mkdtempSync(join(tmpdir(), 'wasm-rseq-asc-')), 'counter.wasm');
    const asc = resolve('node_modules/assemblyscript/bin/asc.js');
    const options = '--config none.json -O3 --runtime stub --transform wasm-rseq/transform';

    execFileSync(process.execPath, [asc, COUNTER, ...options.split(' '), '--outFile', outFile]);

    const host = await createHost({ wasm: readFileSync(outFile), cpus: 2, quantum: 50 });
    expect(host.run().ok).toBe(true);
  });

  test('asconfig.json has the targets that its users name', () => {
    const { targets } = JSON.parse(readFileSync('asconfig.json', 'utf8')) as { targets: object };

    expect(Object.keys(targets)).toEqual(['debug', 'release']);
  });

  test('by npm run asbuild builds both targets of asconfig.json', async () => {
    execFileSync('npm', ['run', '-s', 'asbuild']);

    for (const name of ['counter.wasm', 'counter.debug.wasm']) {
      const host = await createHost({ wasm: readFileSync(`build/${name}`), args: ['section'] });
      expect(host.run().ok).toBe(true);
    }
  });
});
