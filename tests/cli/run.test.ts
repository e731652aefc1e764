// wasm-rseq run: the acceptance runs of the two counters, and where output goes.

import { afterAll, describe, expect, test } from 'vitest';
import {
  COUNTER,
  lastLineJson,
  MACHINE,
  SLICED,
  UNPROTECTED,
  wasmRseq,
  wasmRseqProcess,
  Workspace,
} from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

const ECHO = `
import { argument, argumentCount, nrCpus, nrThreads, printNumber, read, write } from 'wasm-rseq/assembly';

export function main(): i32 {
  const buffer = memory.data(64);
  write(1, buffer, read(0, buffer, 64));
  for (let i = 0; i < argumentCount(); i++) write(2, buffer, argument(i, buffer, 64));
  printNumber(nrCpus());
  printNumber(nrThreads());
  return 0;
}`;

function run(...argv: string[]): ReturnType<typeof wasmRseq> {
  return wasmRseq('run', ...argv, ...workspace.cache);
}

async function runJson(...argv: string[]): Promise<Record<string, unknown>> {
  return lastLineJson((await run(...argv, '--json')).stdout);
}

describe('run', () => {
  test('the counter with sections loses no increment, and restarts happen', async () => {
    const { code, stdout } = await run(COUNTER, ...SLICED, '--json');

    expect(code).toBe(0);
    expect(lastLineJson(stdout)).toMatchObject({ ok: true, exitCode: 0, failure: null });
    expect(lastLineJson(stdout)['restarts']).toBeGreaterThan(0);
  });

  test('the same options give the same run', async () => {
    const first = await runJson(COUNTER, ...SLICED);
    const second = await runJson(COUNTER, ...SLICED);

    expect(second).toEqual(first);
  });

  test('another seed gives another run', async () => {
    const first = await runJson(COUNTER, ...SLICED);
    const second = await runJson(COUNTER, ...SLICED, '--seed', '2');

    expect(second['traceHash']).not.toBe(first['traceHash']);
  });

  test('another scheduler gives another run', async () => {
    const first = await runJson(COUNTER, ...SLICED);
    const second = await runJson(COUNTER, ...SLICED, '--scheduler', 'round-robin');

    expect(second).toMatchObject({ ok: true });
    expect(second['traceHash']).not.toBe(first['traceHash']);
  });

  test.each([
    ['with the options of the acceptance run', SLICED],
    ['with all defaults', []],
  ])('the counter without sections loses increments %s', async (_, options) => {
    const { code, stdout } = await run(UNPROTECTED, ...options, '--json');

    expect(code).toBe(1);
    expect(lastLineJson(stdout)).toMatchObject({ ok: false, exitCode: 1, restarts: 0 });
    expect(lastLineJson(stdout)['failure']).toMatchObject({ kind: 'exit', signal: null });
  });

  test('the defaults are 4 cpus, 8 threads, quantum 1000, seed 1, random', async () => {
    const implied = await runJson(COUNTER);
    const spelled = await runJson(
      COUNTER,
      ...MACHINE,
      '--quantum',
      '1000',
      '--seed',
      '1',
      '--scheduler',
      'random',
    );

    expect(spelled).toEqual(implied);
  });

  test('block metering counts no sections, and loses no increment either', async () => {
    const result = await runJson(COUNTER, ...SLICED, '--metering', 'block');

    expect(result).toMatchObject({ ok: true, sectionsEntered: null });
  });

  test('a program that runs on hits its fuel limit', async () => {
    const { code, stdout } = await run(COUNTER, ...SLICED, '--fuel-limit', '1e3', '--json');

    expect(code).toBe(1);
    expect(lastLineJson(stdout)).toMatchObject({ ok: false, exitCode: null });
    expect(lastLineJson(stdout)['failure']).toMatchObject({
      kind: 'fuel-limit',
      message: expect.stringMatching(
        /fuel limit reached after \d+ instructions and \d+ units for system calls/,
      ),
    });
  });
});

describe('json', () => {
  test('is the whole of stdout, its keys in the order promised', async () => {
    const { stdout, stderr } = await run(COUNTER, ...SLICED, '--json');

    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(Object.keys(lastLineJson(stdout))).toEqual([
      'ok',
      'exitCode',
      'preemptions',
      'restarts',
      'migrations',
      'signals',
      'sectionsEntered',
      'fuel',
      'systemFuel',
      'traceHash',
      'schedule',
      'failure',
    ]);
    expect(stderr).toBe('8000\n');
  });
});

describe('output', () => {
  test('of descriptor 1 is all of stdout', async () => {
    const { stdout } = await run(COUNTER, ...SLICED);

    expect(stdout).toBe('8000\n');
  });

  test('of descriptor 2 goes to stderr; arguments and standard input reach the program', async () => {
    const echo = workspace.write('echo.ts', ECHO);
    const input = workspace.write('input.txt', 'from stdin\n');

    const printed = await wasmRseq(
      'run',
      echo,
      '--stdin',
      input,
      ...workspace.cache,
      '--cpus',
      '3',
      '--threads',
      '5',
      '--',
      '--json',
      'b\n',
    );

    expect(printed.code).toBe(0);
    expect(printed.stdout).toBe('from stdin\n3\n5\n');
    expect(printed.stderr).toMatch(/^--jsonb\nresult +ok\n/);
  });
});

describe('summary', () => {
  test('is a table of two columns on stderr', async () => {
    const { stderr } = await run(COUNTER, ...SLICED);

    const rows = stderr.trimEnd().split('\n');
    expect(rows.map((row) => row.slice(0, 18).trim())).toEqual([
      'result',
      'instructions',
      'preemptions',
      'restarts',
      'migrations',
      'signals',
      'sections entered',
      'trace hash',
    ]);
    expect(rows.every((row) => row.slice(16, 18) === '  ')).toBe(true);
  });

  test('of a failure ends with why and with a command that repeats it', async () => {
    const { code, stderr } = await run(UNPROTECTED, '--seed', '3', '--cpus', '2');

    const [message, repeat] = stderr.trimEnd().split('\n').slice(-2);
    expect(message).toBe('program exited with 1');
    expect(repeat).toMatch(/^repeat with: wasm-rseq run /);
    const again = await run(...(repeat ?? '').split(' ').slice(4));
    expect(again).toEqual({ code, stderr, stdout: again.stdout });
  });

  test('of a failure repeats it with the runtime that was chosen', async () => {
    const { stderr } = await run(UNPROTECTED, '--runtime', 'percpu');

    const [hash, repeat = ''] = [
      /trace hash +(\w+)/.exec(stderr)?.[1],
      stderr.trimEnd().split('\n').at(-1),
    ];
    expect(repeat).toContain(' --runtime percpu');
    expect((await run(...repeat.split(' ').slice(4))).stderr).toContain(hash);
    expect((await run(UNPROTECTED)).stderr).not.toContain(hash);
  });

  test('of a failure with a saved schedule names the replay', async () => {
    const saved = workspace.path('failure.txt');

    const { stderr } = await run(UNPROTECTED, ...SLICED, '--save-schedule', saved);

    const [repeat = ''] = stderr.trimEnd().split('\n').slice(-1);
    expect(repeat).toContain(`wasm-rseq replay ${UNPROTECTED} `);
    expect(repeat).toContain(`--schedule @${saved}`);
    expect(workspace.read('failure.txt')).toMatch(/^s1\.[\w-]+\n$/);
    const again = await wasmRseq(...repeat.split(' ').slice(3), ...workspace.cache);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(/trace hash +(\w+)/.exec(stderr)?.[1]);
  });
});

describe('program', () => {
  test('compiles without a cache to the same run', () => {
    const run = ['run', COUNTER, ...SLICED, '--json'];

    const cached = wasmRseqProcess([...run, '--cache', workspace.path('process-cache')]);
    const anew = wasmRseqProcess([...run, '--no-cache']);

    expect(cached.code).toBe(0);
    expect(anew).toEqual(cached);
  });

  test('is compiled with metering by instruction and -O 3 unless said otherwise', () => {
    const run = ['run', COUNTER, ...SLICED, '--json', '--no-cache'];

    const implied = wasmRseqProcess(run);
    const spelled = wasmRseqProcess([...run, '--metering', 'instruction', '-O', '3']);

    expect(spelled).toEqual(implied);
  });

  test('that is killed is told with signal, function and line', async () => {
    const guest = workspace.write(
      'trap.ts',
      'export function main(): i32 {\n  unreachable();\n  return 0;\n}\n',
    );

    const { code, stdout } = await run(guest, '--json');

    expect(code).toBe(1);
    expect(lastLineJson(stdout)['failure']).toMatchObject({
      kind: 'signal',
      signal: 'SIGILL',
      place: expect.stringContaining('trap.ts:2'),
    });
  });
});
