// npm run engines: what it says of engines that agree, that differ, that fail and that are not there.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readAll, readLine, withProcess } from '../../scripts/engines/processes.js';
import {
  absentRow,
  failedRow,
  isGood,
  type PayloadResult,
  type Row,
  row,
  table,
} from '../../scripts/engines/report.js';

/** Programs that take next to no time. */
const FEW = '^(two-increments|signals, turner|malloc, hammer, turner.*|failure, divide)$';
const INSTALLED = 'node,node-24,node-26,bun,deno,workerd,chromium,firefox';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-engines-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function engines(args: readonly string[], path = process.env['PATH'] ?? '') {
  const command = ['scripts/engines.js', '--json', '--seconds', '60', '--filter', FEW, ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  const rows = last.startsWith('{') ? (JSON.parse(last).rows as Row[]) : [];
  return { code: status, rows, stderr };
}

/** This Node under another name; `filter` is over what it prints. */
function writeEngine(name: string, filter: string): void {
  const file = join(folder, name);
  const script = `#!/bin/sh
if [ "$1" = --version ]; then echo "${name} 9.8.7"; exit; fi
for entry; do :; done
"${process.execPath}" "$entry" | ${filter}
`;
  writeFileSync(file, script);
  chmodSync(file, 0o755);
}

function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout !== '' && !stdout.startsWith('Z');
}

describe('the command', () => {
  test('finds the same runs on the same engine, names what differs, and goes on', () => {
    writeEngine('bun', 'cat');
    writeEngine('deno', `sed 's/"two-increments","digest":"./&x/'`);
    const path = [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);

    const { code, rows, stderr } = engines(
      ['--folder', folder, '--only', 'deno,bun,node-24'],
      path,
    );

    const [deno, bun] = rows;
    const how = 'npm run engines -- --install';
    expect(rows).toMatchObject([
      { engine: 'deno', version: '9.8.7', present: true, hashesEqual: false },
      { engine: 'bun', version: '9.8.7', present: true, hashesEqual: true, complaints: [] },
      { engine: 'node-24', present: false, laws: null, hashesEqual: null, how },
    ]);
    expect(deno?.complaints).toHaveLength(1);
    expect(stderr).toContain('engines: deno: two-increments: ');
    expect(bun?.laws?.failed).toBe(0);
    expect(bun?.laws?.passed).toBeGreaterThan(360);
    expect(bun?.ratio).toBeGreaterThan(0);
    expect(code).toBe(1);
  });

  test('finds the same runs on every engine that is installed', () => {
    const { code, rows } = engines(['--only', INSTALLED]);

    for (const { engine, how } of rows.filter(({ present }) => !present)) {
      console.log(`not run: ${engine} is absent; ${how}`);
    }
    expect(rows.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(rows[0]).toMatchObject({ engine: 'node', hashesEqual: true });
    expect(code).toBe(0);
  });

  test.each([['--only', 'ie6'], ['--seconds', '0'], ['--filter', '('], ['--fast']])(
    'refuses %s %s',
    (...args) => {
      const { code, stderr } = engines(args);

      expect(stderr).toContain('usage: npm run engines');
      expect(code).toBe(2);
    },
  );
});

describe('a row', () => {
  const programs = ['a', 'b'].map((name) => ({ name, digest: `digest of ${name}`, seen: {} }));
  const good: PayloadResult = {
    laws: { passed: 3, failed: 0, failures: [] },
    programs,
    nsSection: 3,
    nsPlain: 2,
    ratio: 1.5,
  };
  const rowOf = (result: PayloadResult): Row => row('bun', '1', 1, result, good);

  test('is good when laws hold and all digests are those of the reference', () => {
    expect(rowOf(good)).toMatchObject({ hashesEqual: true, ratio: 1.5, complaints: [] });
    expect(isGood(rowOf(good))).toBe(true);
  });

  test('is not good when a program is left out', () => {
    const found = rowOf({ ...good, programs: programs.slice(1) });

    expect(found.complaints).toEqual(['a: undefined instead of {}']);
    expect(isGood(found)).toBe(false);
  });

  test('is not good when a law is broken, which it names', () => {
    const found = rowOf({ ...good, laws: { passed: 2, failed: 1, failures: ['a law'] } });

    expect(found).toMatchObject({ hashesEqual: true, complaints: ['a law'] });
    expect(isGood(found)).toBe(false);
  });

  test('of an engine that gave no result is not good', () => {
    const found = failedRow('bun', '1', new Error('it broke'));

    expect(found).toMatchObject({ present: true, hashesEqual: false, complaints: ['it broke'] });
    expect(isGood(found)).toBe(false);
    expect(table([found])).toContain('failed');
  });

  test('of an absent engine says how one gets it, and is no failure', () => {
    const found = absentRow('bun', 'buy it');

    expect(isGood(found)).toBe(true);
    expect(table([found])).toContain('absent; buy it');
  });
});

describe('a process', () => {
  const printThenWait = ['/bin/sh', '-c', 'echo $$; sleep 1000'];

  test('is gone when its result is there', async () => {
    const pid = Number(await withProcess(printThenWait, { seconds: 60 }, readLine));

    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  test('is gone when its time is over', async () => {
    let pid = 0;
    const use = async (stdout: Parameters<typeof readAll>[0]): Promise<string> => {
      pid = Number(await readLine(stdout));
      return new Promise(() => {});
    };

    await expect(withProcess(printThenWait, { seconds: 1 }, use)).rejects.toThrow(
      'no result after 1 s',
    );

    await expect.poll(() => pid > 0 && isAlive(pid)).toBe(false);
  });

  test('that ends without a result is an error with what it complained of', async () => {
    const command = ['/bin/sh', '-c', 'echo "it broke" >&2; exit 3'];

    await expect(withProcess(command, { seconds: 60 }, readLine)).rejects.toThrow(
      'ended with 3: it broke',
    );
  });
});

test('a temporary folder is gone when the command is interrupted', async () => {
  const script = `import { withTemporaryFolder } from './scripts/engines/processes.js';
    await withTemporaryFolder((folder) => {
      console.log(folder);
      return new Promise(() => setInterval(() => {}, 1000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const isOver = once(child, 'exit');
  const temporary = await readLine(child.stdout);
  expect(existsSync(temporary)).toBe(true);

  child.kill('SIGTERM');
  await isOver;

  expect(existsSync(temporary)).toBe(false);
});

test('the payload reaches files of this package and packages, and nothing of Node', () => {
  const script = `import { moduleGraph } from './scripts/engines/graph.js';
    const entry = new URL('scripts/engines/payload.js', 'file://' + process.cwd() + '/');
    console.log(JSON.stringify(moduleGraph(entry)));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });

  const { files, packages } = JSON.parse(stdout) as {
    files: readonly string[];
    packages: readonly { readonly specifier: string }[];
  };
  expect(files).toContain('dist/host/host.js');
  expect(files.filter((file) => file.includes('toolchain'))).toEqual([]);
  expect(packages.filter(({ specifier }) => specifier.startsWith('node:'))).toEqual([]);
});
