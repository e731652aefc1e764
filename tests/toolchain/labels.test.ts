// Every way to place labels wrongly is a LabelError that names the rule, the function and the line.

import { describe, expect, test } from 'vitest';
import { LabelError } from '../../src/toolchain/index.js';
import { compileSource } from '../guests/compile.js';

const HEAD = `import { rseq } from 'wasm-rseq/assembly';
let cell: usize = memory.data(64);
function other(): void { store<i32>(cell, 7); }
`;

/** A main whose body begins at line 5 of the file. */
function program(...body: string[]): string {
  return `${HEAD}export function main(): i32 {\n${body.join('\n')}\nreturn 0;\n}\n`;
}

const START = 'rseq.restart(); rseq.start();';
const COMMIT = 'store<i32>(cell, 1);';

const WRONG: readonly (readonly [law: string, body: string[], rule: RegExp, line: number])[] = [
  ['end without start', ['rseq.end();'], /end\(\) without a start\(\)/, 5],
  ['start without restart', ['rseq.start();', COMMIT, 'rseq.end();'], /without a restart\(\)/, 5],
  ['start without end', ['rseq.restart();', 'rseq.start();', COMMIT], /without an end\(\)/, 6],
  ['restart without start', ['rseq.restart();', COMMIT], /restart\(\) without a start\(\)/, 5],
  [
    'nested sections',
    [START, COMMIT, 'rseq.start();', COMMIT, 'rseq.end();', 'rseq.end();'],
    /nested/,
    7,
  ],
  ['restart inside a section', [START, COMMIT, 'rseq.restart();', 'rseq.end();'], /inside/, 7],
  [
    'two restarts before one start',
    ['rseq.restart();', START, COMMIT, 'rseq.end();'],
    /before the next restart/,
    5,
  ],
  [
    'start in a branch and end behind it',
    ['rseq.restart();', 'if (load<i32>(cell)) {', 'rseq.start();', COMMIT, '}', 'rseq.end();'],
    /statement list/,
    7,
  ],
  [
    'end in a branch',
    [START, COMMIT, 'if (load<i32>(cell)) {', 'rseq.end();', '}'],
    /crosses a loop or branch/,
    8,
  ],
  [
    'end in a loop',
    [START, 'for (let i = 0; i < 3; i++) {', COMMIT, 'rseq.end();', '}'],
    /crosses a loop or branch/,
    8,
  ],
  [
    'start as a branch',
    ['rseq.restart();', 'if (load<i32>(cell)) rseq.start();', COMMIT, 'rseq.end();'],
    /crosses a branch|statement list/,
    6,
  ],
  [
    'restart under a condition',
    [
      'if (load<i32>(cell)) { if (rseq.restart()) return 1; }',
      'rseq.start();',
      COMMIT,
      'rseq.end();',
    ],
    /must be a statement or the condition of one/,
    5,
  ],
  [
    'a call inside a section',
    [START, 'other();', COMMIT, 'rseq.end();'],
    /call of guest\/other/,
    6,
  ],
  [
    'a system call inside a section',
    [START, 'sys.gettid();', COMMIT, 'rseq.end();'],
    /call of .*gettid/,
    6,
  ],
  [
    'a section that stores nothing',
    [START, 'load<i32>(cell);', 'rseq.end();'],
    /stores nothing/,
    5,
  ],
];

describe('labels', () => {
  test.each(WRONG)('%s is a LabelError', async (_law, body, rule, line) => {
    const source = program(...body).replace(
      "import { rseq } from 'wasm-rseq/assembly';",
      "import { rseq } from 'wasm-rseq/assembly'; import * as sys from 'wasm-rseq/assembly/sys';",
    );

    const error = await compileSource(source).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(LabelError);
    const { message, file, functionName } = error as LabelError;
    expect(message).toMatch(rule);
    expect([file, (error as LabelError).line]).toEqual(['guest.ts', line]);
    expect(functionName).toBe('guest/main');
    expect(message).toContain(`guest/main (guest.ts:${line})`);
  });

  test('a label used as a value is refused by name', async () => {
    const source = `${HEAD}
      export function main(): i32 { const f: () => void = rseq.end; return f.index as i32; }`;

    await expect(compileSource(source)).rejects.toThrow(/rseq\.end.* used as a value/);
  });

  test('a main that takes arguments is refused', async () => {
    const source = 'export function main(x: i32): i32 { return x; }';

    await expect(compileSource(source)).rejects.toThrow(/main must take nothing and return i32/);
  });

  test('a program without main is refused', async () => {
    await expect(compileSource('export function run(): i32 { return 0; }')).rejects.toThrow(
      /no function is exported as main/,
    );
  });

  test('memory.atomic.wait is refused: it would block the host', async () => {
    const source = 'export function main(): i32 { return atomic.wait<i32>(64, 0, -1); }';

    await expect(compileSource(source)).rejects.toThrow(
      /memory\.atomic\.wait would block the host/,
    );
  });

  test('what asc itself refuses is a CompileError with its diagnostics', async () => {
    const source = 'export function main(): i32 { return undefinedName; }';

    await expect(compileSource(source)).rejects.toThrow(/Cannot find name 'undefinedName'/);
  });
});
