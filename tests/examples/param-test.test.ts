// examples/param-test: its letters. That nothing is lost, in tests/selftests/param.test.ts and membarrier.test.ts.

import { describe, expect, test } from 'vitest';
import { ABI_NAMES, type AbiName } from '../../src/abi/index.js';
import { createHost } from '../../src/host/index.js';
import { compileProgram } from '../../src/toolchain/index.js';
import { wasmRseq } from '../cli/command.js';
import { CACHE_FOLDER } from '../guests/compile.js';

const MAIN = 'examples/param-test/main.ts';
const OK = 0;
const REFUSED = 2;

async function run(abi: AbiName, line: string) {
  const { wasm } = await compileProgram(MAIN, { abi, cacheFolder: CACHE_FOLDER });
  let output = '';
  const onOutput = (_fd: number, bytes: Uint8Array): void => {
    output += new TextDecoder().decode(bytes);
  };
  const cpus = abi === 'ras' ? 1 : 4;
  const args = line.split(' ').filter((each) => each !== '');
  const host = await createHost({ wasm: wasm as BufferSource, args, cpus, onOutput });
  const { exitCode, failure } = host.run();
  return { exitCode, failure, output };
}

describe('the command', () => {
  test('passes what follows -- to the program', async () => {
    const { code, stdout } = await wasmRseq(
      'run',
      MAIN,
      '--',
      '-T',
      'l',
      '-t',
      '20',
      '-r',
      '10',
      '-v',
    );

    expect(code).toBe(0);
    expect(stdout).toMatch(/^testing l\n20 threads, \d+ tries aborted, 0 signals\n/);
  });
});

describe.each(ABI_NAMES)('%s', (abi) => {
  const isLinux = abi === 'linux' || abi === 'linux-v2';

  test.each(['s', 'l', 'b', 'm', 'i'])('-T %s works', async (letter) => {
    expect((await run(abi, `-T ${letter} -t 9 -r 20`)).failure).toBeUndefined();
  });

  test('-T r and -c work where there is a fence, and concurrency ids', async () => {
    const { exitCode } = await run(abi, '-T r -t 4 -r 5');
    const byId = await run(abi, '-T i -c -t 4 -r 5');

    expect([exitCode, byId.exitCode]).toEqual(isLinux ? [OK, OK] : [REFUSED, REFUSED]);
  });

  test.each(['-d', '-D 2'])('%s works where threads register', async (letters) => {
    const { exitCode } = await run(abi, `-T l -t 4 -r 5 ${letters}`);

    expect(exitCode).toBe(abi === 'ras' ? REFUSED : OK);
  });
});

describe('linux', () => {
  test('-T r wants registered threads, and CPUs for those that have not registered', async () => {
    expect((await run('linux', '-T r -d')).exitCode).toBe(REFUSED);
    expect((await run('linux', '-T i -c -d')).exitCode).toBe(REFUSED);
  });
});

describe('turner', () => {
  test('every signal of -k is counted', async () => {
    const { output } = await run('turner', '-T i -t 3 -r 10 -9 -1 -m 5 -k -v');

    const [, signals] = /, (\d+) signals/.exec(output) ?? [];
    expect(Number(signals)).toBeGreaterThanOrEqual(6);
  });

  test.each(['-9 -1 -k', '-9 7 -m 1 -k', '-m 1 -k', '-9 -1 -m 1'])(
    '%s sends none: -k wants -m, and a point of -1 loops',
    async (letters) => {
      const { output } = await run('turner', `-T i -t 3 -r 10 -v ${letters}`);

      expect(output).toMatch(/, 0 signals/);
    },
  );

  test('-h prints the letters, and is no failure', async () => {
    const { exitCode, output } = await run('turner', '-T l -h');

    expect(exitCode).toBe(OK);
    for (const letter of 'Ttr19myksdDMcfvh') expect(output).toContain(`-${letter}`);
  });

  test.each([
    '-x',
    '-T',
    '-T ss',
    '-T x',
    '-t',
    '-t x',
    '-t -1',
    '-r 2147483648',
    '-9 -2',
    '-f 3',
    'l',
  ])('%s is refused', async (line) => {
    const { exitCode, output } = await run('turner', line);

    expect(exitCode).toBe(REFUSED);
    expect(output).not.toBe('');
  });
});
