// examples/embed-browser in a real browser: what the page shows is what the command says of the same seed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHost, type Result } from '../../src/host/index.js';
import { compileProgram } from '../../src/toolchain/index.js';
import { CACHE_FOLDER } from '../guests/compile.js';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--no-first-run',
  // Virtual: the page has as long as it needs.
  '--virtual-time-budget=60000',
  '--dump-dom',
];
const NUMBERS = ['counted', 'restarts', 'preemptions', 'migrations', 'traceHash'] as const;
const PROGRAMS = [
  ['sections', 'counter'],
  ['unprotected', 'counter-unprotected'],
] as const;

const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);
if (browser === undefined) {
  console.log(
    'examples/embed-browser is not tested: there is no Chromium; apt-get install chromium',
  );
}

let server: ChildProcess;
let address: string;

async function countOf(example: string, seed: number): Promise<Result & { counted: number }> {
  const file = `examples/${example}/main.ts`;
  const { wasm } = await compileProgram(file, { cacheFolder: CACHE_FOLDER });
  let output = '';
  const host = await createHost({
    wasm: wasm as BufferSource,
    cpus: 4,
    threads: 8,
    quantum: 61,
    seed,
    onOutput: (_fd, bytes) => {
      output += new TextDecoder().decode(bytes);
    },
  });
  return { ...host.run(), counted: Number(output) };
}

/** What the page looks like when it is done. */
function open(path: string): string {
  const profile = mkdtempSync(join(tmpdir(), 'wasm-rseq-browser-'));
  try {
    const args = [...ARGUMENTS, `--user-data-dir=${profile}`, address + path];
    return spawnSync(browser as string, args, { encoding: 'utf8', timeout: 60_000 }).stdout;
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

describe.skipIf(browser === undefined)('the page', () => {
  beforeAll(async () => {
    server = spawn(process.execPath, ['examples/embed-browser/serve.js', '0']);
    address = await new Promise((resolve, reject) => {
      server.stdout?.once('data', (line: Buffer) => resolve(line.toString().trim()));
      server.once('exit', () => reject(new Error('the server has ended')));
    });
  });

  afterAll(() => {
    server.kill();
  });

  test.each([1, 7])('shows what Node counts, seed %i', async (seed) => {
    const dom = open(`?seed=${seed}`);

    for (const [id, example] of PROGRAMS) {
      const [, section = ''] =
        new RegExp(`<section id="${id}">(.*?)</section>`, 's').exec(dom) ?? [];
      const shown = NUMBERS.map((name) => new RegExp(`"${name}">(.*?)<`).exec(section)?.[1]);
      const found = await countOf(example, seed);
      expect(shown).toEqual(NUMBERS.map((name) => String(found[name])));
      expect(section).toContain(found.ok ? 'nothing is lost' : `${8000 - found.counted} of 8000`);
      expect(section.split('<rect').length).toBeGreaterThan(50);
    }
  });

  test('says what is wrong with a seed', () => {
    expect(open('?seed=0.5')).toContain('seed 0.5 must be an integer');
  });

  test.each(['package.json', 'dist/../package.json', 'dist/..%2fpackage.json', 'none'])(
    'cannot get %s from its server',
    async (path) => {
      expect((await fetch(address + path)).status).toBe(404);
    },
  );
});
