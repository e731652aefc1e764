// `wasm-rseq/node`: programs from files, a host with Node's files and streams, a check on many threads. It is
// what is built that is tested: the threads of a check run that.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { OptionError } from 'wasm-rseq';
import { check } from 'wasm-rseq/check';
import {
  type Checkpoint,
  checkInParallel,
  createNodeHost,
  loadProgram,
  type ParallelCheckOptions,
  type Program,
  readCheckpoint,
  readFiles,
  writeCheckpoint,
} from 'wasm-rseq/node';
import { compileProgram } from 'wasm-rseq/toolchain';
import { CACHE_FOLDER, compileSource } from '../guests/compile.js';

const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-node-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, contents: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, contents);
  return file;
}

/** Prints the first bytes of the file that its argument names, or fails with 2 when it cannot open it. */
const READER = await compileSource(`
  import * as sys from 'wasm-rseq/assembly/sys';
  export function main(): i32 {
    const bytes = heap.alloc(256);
    memory.fill(bytes, 0, 256);
    sys.argument(0, bytes, 255);
    const file = sys.open(bytes, 0);
    if (file < 0) return 2;
    const length = sys.read(file, bytes, 256);
    sys.write(1, bytes, length);
    sys.write(2, bytes, 1);
    return 0;
  }`);

/** Two threads that add to one word, and may lose one. */
const LOSING = await compileProgram('tests/corpus/labels-stripped/wrong.ts', {
  cacheFolder: CACHE_FOLDER,
});
const KEEPING = await compileProgram('tests/corpus/labels-stripped/right.ts', {
  cacheFolder: CACHE_FOLDER,
});

let files = 0;
async function toProgram({ wasm }: { readonly wasm: Uint8Array }): Promise<Program> {
  files += 1;
  return loadProgram(write(`${files}.wasm`, wasm));
}

/** What was written to both streams while `act` ran. */
async function streamsDuring(
  act: () => Promise<unknown>,
): Promise<[stdout: string, stderr: string]> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += new TextDecoder().decode(chunk as Uint8Array);
      return true;
    }),
  );
  try {
    await act();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return [written.stdout, written.stderr];
}

describe('loadProgram', () => {
  test('finds the source map beside the module', async () => {
    const file = write('mapped.wasm', READER.wasm);
    write('mapped.wasm.map', READER.sourceMap);

    const { wasm, map, sourceMap } = await loadProgram(file);

    expect([...wasm]).toEqual([...READER.wasm]);
    expect(map.metering).toBe('instruction');
    expect(sourceMap).toBe(READER.sourceMap);
  });

  test('leaves out a source map that is not there', async () => {
    expect(await toProgram(READER)).not.toHaveProperty('sourceMap');
  });

  test.each([
    ['a file that is not there', 'none.wasm', 'InputError'],
    ['a folder', '.', 'InputError'],
    ['a file that is no module', write('text.wasm', 'text'), 'ModuleError'],
  ])('refuses %s', async (_what, name, kind) => {
    const file = join(folder, name.replace(folder, ''));

    await expect(loadProgram(file)).rejects.toMatchObject({ name: kind });
  });

  test('refuses what is beside the module and no source map', async () => {
    const file = write('mistaken.wasm', READER.wasm);
    write('mistaken.wasm.map', '{}');

    await expect(loadProgram(file)).rejects.toThrow(`${file}.map is not a source map`);
  });
});

describe('readFiles', () => {
  test('reads what is a file, and passes over what is none', () => {
    const name = write('some.txt', 'some');

    expect(readFiles([name, folder, 'first', ''])).toEqual({ [name]: Buffer.from('some') });
  });
});

describe('createNodeHost', () => {
  const name = write('argument.txt', 'hello');

  test('lets a program read the files its arguments name, and write to both streams', async () => {
    const host = await createNodeHost(await toProgram(READER), { args: [name] });

    const streams = await streamsDuring(async () => expect(host.run().exitCode).toBe(0));

    expect(streams).toEqual(['hello', 'h']);
  });

  test.each([['one'], [[5]]])('refuses arguments %j as createHost does', async (args) => {
    const program = await compileSource('export function main(): i32 { return 0; }');

    const host = createNodeHost(program, { args: args as unknown as string[] });

    await expect(host).rejects.toThrow(OptionError);
  });

  test.each([
    [null, 'options null must be an object'],
    [{ quantums: 5 }, 'quantums 5 is no option; there are abi, '],
    [{ sourceMap: '{}' }, 'sourceMap {} is no option; there are abi, '],
  ])('refuses options %j', async (options, message) => {
    const program = await compileSource('export function main(): i32 { return 0; }');

    const host = createNodeHost(program, options as object);

    await expect(host).rejects.toThrow(OptionError);
    await expect(host).rejects.toThrow(message);
  });

  test('gives it other files, or another place to write to, when told', async () => {
    const program = await toProgram(READER);
    const printed: string[] = [];
    const onOutput = (_fd: number, bytes: Uint8Array): void => {
      printed.push(new TextDecoder().decode(bytes));
    };
    const without = await createNodeHost(program, { args: [name], files: {}, onOutput });
    const own = { [name]: Uint8Array.from([0x61]) };
    const withOwn = await createNodeHost(program, { args: [name], files: own, onOutput });

    expect([without.run().exitCode, withOwn.run().exitCode]).toEqual([2, 0]);
    expect(printed).toEqual(['a', 'a']);
  });

  test.each([
    ['below a file', `${name}/x`],
    ['longer than a name can be', 'x'.repeat(300)],
    ['no path at all', 'a\0b'],
  ])('takes an argument that is %s for one that names no file', async (_what, argument) => {
    expect(readFiles([argument, name])).toEqual({ [name]: expect.anything() });
    const host = await createNodeHost(await toProgram(READER), { args: [argument] });

    expect(host.run().exitCode).toBe(2);
  });
});

describe('checkInParallel', () => {
  test('comes to the verdict of check', async () => {
    for (const compiled of [LOSING, KEEPING]) {
      const program = compiled;
      const { verdict, states, schedule } = await check(program.wasm);

      const { result, checkpoint } = await checkInParallel(program, { workers: 2 });

      expect(result).toMatchObject({ verdict, states, schedule });
      expect(checkpoint).toBeUndefined();
    }
  });

  test('goes on from a file to where it would have come without a stop', async () => {
    const program = await compileProgram('tests/corpus/double-unlock/right.ts', {
      cacheFolder: CACHE_FOLDER,
    });
    const options = { cpus: 1 };
    const file = join(folder, 'checkpoint');
    const stopped = await checkInParallel(program, { ...options, maxStates: 50 });
    writeCheckpoint(file, stopped.checkpoint as Checkpoint, program.wasm, options);

    const resume = readCheckpoint(file, program.wasm, options);
    const { result } = await checkInParallel(program, { ...options, resume });
    const whole = await checkInParallel(program, options);

    expect(stopped.result).toMatchObject({
      verdict: 'incomplete',
      reason: '--max-states 50 reached',
    });
    expect({ ...result, seconds: 0 }).toEqual({ ...whole.result, seconds: 0 });
  });

  test('stops when its listener says so', async () => {
    const { result } = await checkInParallel(await toProgram(await endless()), {
      threads: 5,
      onProgress: () => false,
    });

    expect(result).toMatchObject({ verdict: 'incomplete', reason: 'interrupted' });
  });

  test.each([{}, { exact: true }])('fails with what its listener throws: %j', async (options) => {
    const error = new Error('enough');

    const checked = checkInParallel(await toProgram(await endless()), {
      threads: 5,
      ...options,
      onProgress: () => {
        throw error;
      },
    });

    await expect(checked).rejects.toBe(error);
  });

  test.each([
    [{ workers: 0 }, 'workers 0 must be an integer from 1 to 256'],
    [{ shard: { index: 3, count: 2 } }, 'shard index 3 must be an integer from 1 to 2'],
    [{ shard: { index: 1, count: 0 } }, 'shard count 0 must be an integer from 1 to 1024'],
    [{ shards: 2 }, /^shards 2 is no option; there are .*, workers, shard, resume$/],
    [null, 'options null must be an object'],
    [{ shard: null }, 'shard null must be an object'],
    [{ resume: null }, 'resume null must be an object'],
    [{ resume: {} }, 'resume.knowledge undefined must be what a check was stopped with'],
    [{ cpus: Symbol('two') }, 'cpus Symbol(two) must be an integer from 1 to 32'],
    [
      { shard: { index: 1, count: 2 }, exact: true },
      '--shard cannot be with --preemptions, --exact or --liveness',
    ],
  ] satisfies [unknown, string | RegExp][])('refuses %o', async (options, message) => {
    const program = await toProgram(KEEPING);

    const checked = checkInParallel(program, options as ParallelCheckOptions);

    await expect(checked).rejects.toMatchObject({ name: 'CheckError' });
    await expect(checked).rejects.toThrow(message);
  });
});

/** Far more states than anyone waits for. */
function endless(): ReturnType<typeof compileSource> {
  return compileSource(`
    import { spawn } from 'wasm-rseq/assembly';
    const WORDS: usize = memory.data(64, 4);
    function work(me: usize): i32 {
      for (let i = 0; i < 9; i++) atomic.store<i32>(WORDS + 4 * (i & 3), i + <i32>me);
      return 0;
    }
    export function main(): i32 {
      for (let i = 1; i < 6; i++) spawn(work, i);
      return work(0);
    }`);
}
