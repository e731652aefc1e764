// The command as its users call it: a process with an exit code and two streams.

import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  COUNTER,
  lastLineJson,
  SLICED,
  UNPROTECTED,
  wasmRseq,
  wasmRseqProcess,
  Workspace,
} from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

describe('process', () => {
  test('exits with 0 and prints the result last', () => {
    const run = ['run', COUNTER, ...SLICED, '--json', ...workspace.cache];
    const { code, stdout } = wasmRseqProcess(run);

    expect(code).toBe(0);
    expect(lastLineJson(stdout)).toMatchObject({ ok: true });
  });

  test('exits with 1 when the guest failed, and says so in red where there are colours', () => {
    const run = ['run', UNPROTECTED, ...workspace.cache];
    const colored = wasmRseqProcess(run, '', { FORCE_COLOR: '1', NO_COLOR: '' });
    const plain = wasmRseqProcess(run, '', { FORCE_COLOR: '1', NO_COLOR: '1' });

    expect(colored.code).toBe(1);
    expect(colored.stderr).toContain('\u001b[31mprogram exited with 1\u001b[39m');
    expect(plain.stderr).toContain('\nprogram exited with 1\n');
  });

  test('exits with 2 and one line when the input is bad', () => {
    const { code, stdout, stderr } = wasmRseqProcess(['run', COUNTER, '--cpus', '0']);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe('wasm-rseq: --cpus 0 must be an integer from 1 to 256\n');
  });

  test('reads guest input from its own', () => {
    const guest = workspace.write(
      'cat.ts',
      `import { read, write } from 'wasm-rseq/assembly';
       export function main(): i32 {
         const buffer = memory.data(64);
         for (let n = read(0, buffer, 64); n > 0; n = read(0, buffer, 64)) write(1, buffer, n);
         return 0;
       }`,
    );
    const text = 'line\n'.repeat(50);

    const run = ['run', guest, '--stdin', '-', ...workspace.cache];

    expect(wasmRseqProcess(run, text)).toMatchObject({ code: 0, stdout: text });
  });
});

describe('help', () => {
  test.each([
    [['--help'], 'wasm-rseq run main.ts'],
    [['run', '--help'], 'wasm-rseq run main.ts --cpus 4'],
    [['replay', '--help'], 'wasm-rseq replay main.ts --schedule @failure.txt'],
    [['build', '--help'], 'wasm-rseq build main.ts -o'],
    [['inspect', '--help'], 'wasm-rseq inspect main.ts'],
    [['help', 'run'], 'wasm-rseq run main.ts --cpus 4'],
  ])('%j exits with 0 and shows an example', async (argv, example) => {
    const { code, stdout, stderr } = await wasmRseq(...argv);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(example);
  });

  test('--version is the package version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

    expect(await wasmRseq('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});
