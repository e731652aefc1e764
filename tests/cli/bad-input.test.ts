// Whatever is wrong with what the user gave: exit code 2, one line on stderr, nothing has run.

import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COUNTER, wasmRseq, Workspace } from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

const EMPTY_MODULE = Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

beforeAll(async () => {
  const module = workspace.path('counter.wasm');
  await wasmRseq('build', COUNTER, '-o', module, ...workspace.cache);
  const bytes = readFileSync(module);
  workspace.write('truncated.wasm', bytes.subarray(0, bytes.length / 2));
  workspace.write('empty.wasm', '');
  workspace.write('foreign.wasm', EMPTY_MODULE);
  workspace.write('mapless.wasm', bytes);
  workspace.write('mapless.wasm.map', '{}');
  workspace.write('nonsense.txt', 'nonsense');
  workspace.write('no-schedule.json', '{"ok":true}');
  workspace.write('not.json', '{');
  mkdirSync(workspace.path('folder.ts'));
  symlinkSync(workspace.path('loop.ts'), workspace.path('loop.ts'));
  workspace.write('syntax.ts', 'export function main(): i32 {\n  return oops(;\n}\n');
  workspace.write('mainless.ts', 'export function other(): i32 { return 0; }');
  workspace.write(
    'nested.ts',
    `import { rseq } from 'wasm-rseq/assembly';
export function main(): i32 {
  rseq.restart();
  rseq.start();
  rseq.start();
  rseq.end();
  return 0;
}`,
  );
});

/** Asserts that nothing went to stdout, and returns the line on stderr. */
async function complaintOf(argv: readonly string[]): Promise<string> {
  const words = argv.map((word) => word.replaceAll('DIR', workspace.folder));
  const { code, stdout, stderr } = await wasmRseq(...words);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^wasm-rseq: [^\n]+\n$/);
  return stderr.slice('wasm-rseq: '.length, -1).replaceAll(workspace.folder, 'DIR');
}

describe('option', () => {
  test.each([
    [['--cpus', '-1'], '--cpus -1 must be an integer from 1 to 256'],
    [['--cpus', '0'], '--cpus 0 must be an integer from 1 to 256'],
    [['--cpus', '257'], '--cpus 257 must be an integer from 1 to 256'],
    [['--cpus', ''], '--cpus "" must be an integer from 1 to 256'],
    [['--cpus', '0x4'], '--cpus 0x4 must be an integer from 1 to 256'],
    [['--threads', '0'], '--threads 0 must be an integer from 1 to 2147483647'],
    [['--quantum', 'NaN'], '--quantum NaN must be an integer from 1 to 536870912'],
    [['--quantum', '0'], '--quantum 0 must be an integer from 1 to 536870912'],
    [['--seed', '1.5'], '--seed 1.5 must be an integer from -2147483648 to 4294967295'],
    [['--fuel-limit', 'abc'], '--fuel-limit abc must be an integer from 1 to 9007199254740991'],
    [['--fuel-limit', '1e99'], '--fuel-limit 1e99 must be an integer from 1 to 9007199254740991'],
    [['--memory-limit', '70000'], '--memory-limit 70000 must be an integer from 1 to 65532'],
    [['--trace-limit', '-5'], '--trace-limit -5 must be an integer from 0 to 9007199254740991'],
    [['--scheduler', 'best'], '--scheduler best must be random or round-robin'],
    [['--metering', 'none'], '--metering none must be instruction or block'],
    [['--runtime', 'none'], '--runtime none must be stub or minimal or percpu'],
    [['-O', '4'], '--optimize 4 must be an integer from 0 to 3'],
  ])('%j is refused', async (option, complaint) => {
    expect(await complaintOf(['run', COUNTER, ...option])).toBe(complaint);
  });
});

describe('runtime', () => {
  test.each([
    ['build', []],
    ['run', []],
    ['check', []],
    ['inspect', []],
    ['lint', []],
    ['replay', ['--schedule', 's1.']],
  ])('%s refuses one that the program cannot have', async (command, options) => {
    const guest = workspace.write(
      'malloc.ts',
      `import { malloc } from 'wasm-rseq/assembly/percpu/malloc';
export function main(): i32 { return malloc(8) == 0; }
`,
    );

    expect(await complaintOf([command, guest, '--runtime', 'minimal', ...options])).toMatch(
      /^percpu\/malloc needs the runtime percpu/,
    );
  });
});

describe('usage', () => {
  test.each([
    [[], /^no command given; see wasm-rseq --help$/],
    [['frob'], /^unknown command 'frob'/],
    [['rum', COUNTER], /^unknown command 'rum' \(Did you mean run\?\)$/],
    [['run'], /missing required argument 'file'/],
    [['run', COUNTER, 'more'], /^too many arguments/],
    [['run', COUNTER, '--frob'], /^unknown option '--frob'/],
    [['run', COUNTER, '--cpus'], /argument missing$/],
    [['replay', COUNTER], /required option '--schedule <schedule>' not specified/],
    [['inspect', COUNTER, '--', 'a'], /^inspect runs no program/],
    [['build', COUNTER, '--', 'a'], /^build runs no program/],
  ])('%j is refused', async (argv, complaint) => {
    expect(await complaintOf(argv)).toMatch(complaint);
  });
});

describe('file', () => {
  test.each(['run', 'inspect', 'build'])('%s refuses one that cannot be read', async (command) => {
    const reasons = {
      'DIR/missing.ts': 'no such file or folder',
      'DIR/missing.wasm': 'no such file or folder',
      DIR: 'is a folder, not a file',
      'DIR/folder.ts': 'is a folder, not a file',
      'DIR/nonsense.txt/main.ts': 'a part of the path is not a folder',
      'DIR/loop.ts': 'too many symbolic links',
    };
    for (const [file, reason] of Object.entries(reasons)) {
      expect(await complaintOf([command, file])).toBe(`cannot read ${file}: ${reason}`);
    }
  });

  test.each(['run', 'inspect', 'build'])('%s refuses one that is no program', async (command) => {
    expect(await complaintOf([command, 'DIR/nonsense.txt'])).toBe(
      'DIR/nonsense.txt is neither a .ts nor a .wasm file',
    );
    for (const file of ['DIR/truncated.wasm', 'DIR/empty.wasm']) {
      const named = command === 'build' ? '' : `${file}: `;
      const complaint = await complaintOf([command, file]);
      expect(complaint.startsWith(`${named}not a valid WebAssembly module`)).toBe(true);
    }
  });

  test.each(['run', 'inspect'])('%s refuses a module without code map', async (command) => {
    expect(await complaintOf([command, 'DIR/foreign.wasm'])).toMatch(
      /^DIR\/foreign\.wasm: module has no code map/,
    );
  });

  test.each(['DIR/counter.wasm', 'DIR/./counter.wasm'])(
    'build refuses to overwrite its input by %s',
    async (output) => {
      expect(await complaintOf(['build', 'DIR/counter.wasm', '-o', output])).toMatch(
        /is the input; it would be overwritten$/,
      );
    },
  );

  test('run refuses an input without end', async () => {
    const words = ['run', 'DIR/counter.wasm', '--stdin', '/dev/zero'];

    expect(await complaintOf(words)).toMatch(
      /^cannot read \/dev\/zero: over \d+ bytes, and no file$/,
    );
  });

  test('build refuses a module that is built', async () => {
    expect(await complaintOf(['build', 'DIR/counter.wasm'])).toBe(
      'module is instrumented already: it has a code map',
    );
  });

  test('run refuses a module built with other metering', async () => {
    expect(await complaintOf(['run', 'DIR/counter.wasm', '--metering', 'block'])).toBe(
      'DIR/counter.wasm was built with --metering instruction',
    );
  });

  test('run refuses a source map that is none', async () => {
    expect(await complaintOf(['run', 'DIR/mapless.wasm'])).toMatch(
      /^DIR\/mapless\.wasm\.map is not a source map/,
    );
  });

  test.each(['run', 'inspect', 'build'])(
    '%s refuses labels that mean nothing, with function and line',
    async (command) => {
      expect(await complaintOf([command, 'DIR/nested.ts', '--no-cache'])).toBe(
        'nested/main (nested.ts:5): start() inside a section: sections cannot be nested',
      );
    },
  );

  test('run refuses a program without main', async () => {
    expect(await complaintOf(['run', 'DIR/mainless.ts', '--no-cache'])).toMatch(
      /^no function is exported as main/,
    );
  });

  test("run prints the compiler's diagnostics of a program that does not compile", async () => {
    const file = workspace.path('syntax.ts');

    const { code, stdout, stderr } = await wasmRseq('run', file, '--no-cache');

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^wasm-rseq: .*syntax\.ts does not compile\nERROR TS\d+: /);
    expect(stderr).toContain('in syntax.ts(2,');
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('path', () => {
  const run = ['run', 'DIR/counter.wasm'];

  test.each([
    [['--trace', 'DIR/none/t.json'], 'cannot write DIR/none/t.json: no such file or folder'],
    [['--trace', 'DIR'], 'cannot write DIR: is a folder, not a file'],
    [['--save-schedule', 'DIR/none/s'], 'cannot write DIR/none/s: no such file or folder'],
    [['--save-schedule', 'DIR'], 'cannot write DIR: is a folder, not a file'],
    [['--stdin', 'DIR/none'], 'cannot read DIR/none: no such file or folder'],
  ])('%j is refused before the program runs', async (option, complaint) => {
    expect(await complaintOf([...run, ...option])).toBe(complaint);
  });

  test('of a cache that is no folder is refused', async () => {
    expect(await complaintOf(['run', COUNTER, '--cache', 'DIR/nonsense.txt'])).toBe(
      '--cache DIR/nonsense.txt must be a folder that can be written',
    );
  });

  test('of an output in no folder is refused', async () => {
    const build = ['build', COUNTER, ...workspace.cache];

    expect(await complaintOf([...build, '-o', 'DIR/none/o.wasm'])).toBe(
      'cannot write DIR/none/o.wasm: no such file or folder',
    );
  });
});

describe('schedule', () => {
  const replay = ['replay', 'DIR/counter.wasm', '--schedule'];

  test.each([
    ['nonsense', /^schedule "nonsense" must start with s1\.$/],
    ['', /^schedule "" must start with s1\.$/],
    ['s1.gA', /^schedule ends in the middle of a word$/],
    ['s1.AA', /^schedule ends in the middle of a slice$/],
    ['s1.AAA', /^schedule ends in the middle of a slice$/],
    ['s1.!!', /^schedule has "!", not base64url$/],
    ['@DIR/none', /^cannot read DIR\/none: no such file or folder$/],
    ['@DIR/nonsense.txt', /^schedule "nonsense" must start with s1\.$/],
    ['DIR/no-schedule.json', /^DIR\/no-schedule\.json has no schedule/],
    ['DIR/not.json', /^DIR\/not\.json is not JSON/],
    ['s1.', /^schedule ended after 0 slices, but the program runs on; are program/],
    ['s1.hQZZ', /^schedule slice 0: thread 3 cannot run on cpu 5 now; are program/],
  ])('%j is refused', async (schedule, complaint) => {
    expect(await complaintOf([...replay, schedule])).toMatch(complaint);
  });
});
