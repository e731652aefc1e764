// examples/embed-c: a host in C, next to ours. The same programs with the same options have the same run.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../contract/machine-host.js';

const EXAMPLE = path('examples/embed-c');
const SUITE = path('tests/contract/suite');
const OUT = mkdtempSync(join(tmpdir(), 'embed-c-'));
const BUILD_TIMEOUT = 300_000;

const TOOLS = { make: '--version', cc: '--version', wasm2c: '--version' };
const missing = Object.entries(TOOLS)
  .filter(([name, option]) => spawnSync(name, [option]).status !== 0)
  .map(([name]) => name);
if (missing.length > 0) console.log(`embed-c is not tested: there is no ${missing.join(', ')}`);

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let build: Run;

afterAll(() => rmSync(OUT, { recursive: true }));

describe.skipIf(missing.length > 0)('a host in C', () => {
  beforeAll(() => {
    build = spawn('make', '-C', EXAMPLE, '-j2', `OUT=${OUT}`);
  }, BUILD_TIMEOUT);

  test('builds without a warning', () => {
    expect(build.stderr).toBe('');
    expect(build.status).toBe(0);
  });

  test('keeps the contract suite, every law of it', () => {
    const { stdout, status } = embed('check', SUITE, ...scripts());

    const laws = stdout.split('\n').filter((line) => line !== '');
    expect(laws.filter((line) => !line.startsWith('ok '))).toEqual([
      `passed ${lawsOfSuite()} failed 0`,
    ]);
    expect(status).toBe(0);
  });

  test.each([
    ['exit returned -7', 'exit returned -8'],
    ['exit syscall 28673', 'exit syscall 28674'],
    ['args 42 -1 2 3 4 5', 'args 42 -1 2 3 4 6'],
    ['exit trapped signal 8', 'exit trapped signal 11'],
  ])('fails a script in which %j is %j', (right, wrong) => {
    const script = readFileSync(join(SUITE, 'threads-block.script'), 'utf8');
    writeFileSync(join(OUT, 'wrong.script'), script.replace(right, wrong));

    const { stdout, status } = embed('check', SUITE, relative(SUITE, join(OUT, 'wrong.script')));

    const failures = stdout.split('\n').filter((line) => line.startsWith('not ok '));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toContain(`expected '${wrong}`);
    expect(status).toBe(1);
  });

  test.each([
    ['counter-block', 1, 1, 1],
    ['counter-block', 2, 3, 20],
    ['counter-block', 4, 9, 61],
    ['counter-block', 3, 20, 1000],
    ['counter-instruction', 1, 4, 17],
    ['counter-instruction', 2, 3, 13],
    ['counter-instruction', 7, 5, 1_000_000],
    ['list-block', 2, 2, 19],
    ['list-block', 3, 9, 17],
    ['list-instruction', 1, 6, 40],
    ['list-instruction', 4, 11, 29],
  ])(
    'runs %s as ours does: %i CPUs, %i threads, quantum %i',
    async (name, cpus, threads, quantum) => {
      const ours = await runProgram(readFileSync(join(SUITE, `${name}.wasm`)), {
        cpus,
        threads,
        quantum,
      });

      const theirs = embed('run', SUITE, name, `${cpus}`, `${threads}`, `${quantum}`);

      const { output, status, preemptions, restarts, migrations, fuel, trace } = ours;
      expect(theirs.stderr).toBe('');
      expect(theirs.stdout).toBe(
        `${output}exit ${status} preemptions ${preemptions} restarts ${restarts} ` +
          `migrations ${migrations} fuel ${fuel} trace ${trace}\n`,
      );
    },
  );

  test('does what its README says', () => {
    const folder = newFolder();

    for (const command of commandsOfReadme()) {
      const { status, stderr } = spawnIn(folder, command);
      expect([command, status, stderr]).toEqual([command, 0, expect.any(String)]);
    }
  });

  test.each([[], ['run'], ['run', SUITE, 'counter-block', '0', '1', '1'], ['walk', SUITE]])(
    'explains itself when it is called with %j',
    (...args) => {
      const { status, stderr } = embed(...args);

      expect(status).toBe(2);
      expect(stderr).toMatch(/^usage: /);
    },
  );
});

/** A folder that has the example, the suite and the package. */
function newFolder(): string {
  const folder = join(OUT, 'readme');
  mkdirSync(join(folder, 'tests'), { recursive: true });
  cpSync(path('examples'), join(folder, 'examples'), {
    recursive: true,
    filter: (source) => !source.endsWith('/build'),
  });
  symlinkSync(path('tests/contract'), join(folder, 'tests/contract'));
  symlinkSync(path('node_modules'), join(folder, 'node_modules'));
  return folder;
}

function commandsOfReadme(): string[] {
  const text = readFileSync(join(EXAMPLE, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/^```sh make\n([\s\S]*?)^```$/gm)].map(
    ([, block = '']) => block,
  );
  return blocks.flatMap((block) => block.trim().split('\n'));
}

function spawnIn(cwd: string, command: string): Run {
  const ours = command.replaceAll('npx wasm-rseq', `node ${path('bin/wasm-rseq.js')}`);
  return spawnSync('sh', ['-c', ours], { cwd, encoding: 'utf8', timeout: BUILD_TIMEOUT });
}

function embed(...args: string[]): Run {
  return spawn(join(OUT, 'embed-c'), ...args);
}

function spawn(command: string, ...args: string[]): Run {
  return spawnSync(command, args, { encoding: 'utf8', timeout: BUILD_TIMEOUT });
}

function scripts(): string[] {
  return readFileSync(join(SUITE, 'index.txt'), 'utf8').trim().split('\n');
}

function lawsOfSuite(): number {
  const texts = scripts().map((name) => readFileSync(join(SUITE, name), 'utf8'));
  return texts.join('\n').match(/^law /gm)?.length ?? 0;
}

function path(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}
