// wasm-rseq check: verdicts and exit codes, what it prints, and how a search is stopped, divided and resumed.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CORPUS, LATE, lastLineJson, type Printed, wasmRseqProcess, Workspace } from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

const RIGHT = join(CORPUS, 'double-unlock/right.ts');
const WRONG = join(CORPUS, 'double-unlock/wrong.ts');
const COUNTER = join(CORPUS, 'labels-stripped/right.ts');
const LOST = join(CORPUS, 'labels-stripped/wrong.ts');
const ONE_CPU = ['--cpus', '1'];
/** Far more states than any test waits for. */
const LARGE = `import { spawn } from 'wasm-rseq/assembly';
const WORDS: usize = memory.data(64, 4);
function work(me: usize): i32 {
  for (let i = 0; i < 9; i++) atomic.store<i32>(WORDS + 4 * (i & 3), i + <i32>me);
  return 0;
}
export function main(): i32 {
  for (let i = 1; i < 6; i++) spawn(work, i);
  return work(0);
}`;

/** A process: the threads of a check run what is built. */
function check(file: string, ...options: readonly string[]): Printed {
  return wasmRseqProcess(['check', file, ...options, ...workspace.cache]);
}

function checkJson(file: string, ...options: readonly string[]): Record<string, unknown> {
  const { stdout } = check(file, ...options, '--no-lint', '--json');
  return lastLineJson(stdout);
}

/** What is the same in every run. */
function lasting(result: Record<string, unknown>): Record<string, unknown> {
  return { ...result, seconds: 0 };
}

/** Asserts that nothing went to stdout, and returns the line on stderr. */
function complaintOf(file: string, ...options: readonly string[]): string {
  const words = options.map((word) => word.replaceAll('DIR', workspace.folder));
  const { code, stdout, stderr } = check(file, ...words, '--no-lint');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^wasm-rseq: [^\n]+\n$/);
  return stderr.slice('wasm-rseq: '.length, -1).replaceAll(workspace.folder, 'DIR');
}

describe('verdict', () => {
  test.each([
    ['double-unlock', '1'],
    ['sleep-without-compare', '1'],
    ['labels-stripped', '2'],
  ])('of %s is proven with 0 or violated with 1', (name, cpus) => {
    const right = check(join(CORPUS, name, 'right.ts'), '--cpus', cpus, '--no-lint');
    const wrong = check(join(CORPUS, name, 'wrong.ts'), '--cpus', cpus, '--no-lint');

    expect(right).toMatchObject({ code: 0, stderr: '' });
    expect(right.stdout).toMatch(/^proven: \d+ states, \d+ transitions\ncoverage: /);
    expect(wrong).toMatchObject({ code: 1, stderr: '' });
    expect(wrong.stdout).toMatch(/^violated: .*\n[^]*\nschedule: c1\.[\w-]+\n$/);
  });

  test.each([
    ['--max-states', '50', '--max-states 50 reached'],
    ['--depth', '10', '--depth reached'],
  ])('with %s %s is incomplete with 3', (option, value, reason) => {
    const checkpoint = ['--checkpoint', workspace.path('limits')];
    const { code, stdout } = check(RIGHT, ...ONE_CPU, option, value, ...checkpoint);

    expect(code).toBe(3);
    expect(stdout).toContain(`incomplete: ${reason}; `);
  });

  test.each([[[]], [['--preemptions', '9']], [['--exact']], [['--liveness']]])(
    'with --max-seconds and %j comes near the time when single steps are slow',
    (options) => {
      const file = workspace.write(
        'slow.ts',
        `const WORD: usize = memory.data(8, 8);
         function deeper(n: i32): i32 {
           atomic.store<i32>(WORD, n);
           return deeper(n + 1) + atomic.load<i32>(WORD);
         }
         export function main(): i32 { return deeper(0); }`,
      );

      const limit = ['--max-seconds', '1', '--checkpoint', workspace.path('slow')];
      const { verdict, reason, seconds } = checkJson(file, ...limit, ...options);

      expect({ verdict, reason }).toEqual({
        verdict: 'incomplete',
        reason: '--max-seconds 1 reached',
      });
      expect(seconds).toBeLessThan(10);
    },
  );

  test.each(['local', 'switches', 'restarts', 'symmetry', 'local,switches,restarts,symmetry'])(
    'without %s is the same',
    (names) => {
      expect(checkJson(COUNTER, '--without', names)).toMatchObject({ verdict: 'proven' });
      expect(checkJson(LOST, '--without', names)).toMatchObject({ verdict: 'violated' });
    },
  );

  test('with --liveness finds who waits for nobody', () => {
    const file = workspace.write(
      'wait.ts',
      `const FLAG: usize = memory.data(4, 4);
       export function main(): i32 { while (atomic.load<i32>(FLAG) == 0) {} return 0; }`,
    );

    expect(check(file, '--no-lint').code).toBe(0);
    const { code, stdout } = check(file, '--liveness', '--no-lint');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^violated: livelock: thread 1 can go on for ever/);
    expect(check(RIGHT, ...ONE_CPU, '--liveness', '--no-lint').code).toBe(0);
  });
});

describe('result', () => {
  test('of --json is one line, the last', () => {
    const { stdout } = check(LOST, '--json');

    const result = lastLineJson(stdout);
    expect(stdout.trimEnd()).not.toContain('\n');
    expect(Object.keys(result).slice(0, 7)).toEqual([
      'verdict',
      'states',
      'transitions',
      'seconds',
      'coverage',
      'schedule',
      'steps',
    ]);
    expect(Object.keys(result['coverage'] as object)).toEqual([
      'points',
      'interrupted',
      'restartEdges',
      'restartEdgesTaken',
      'missed',
    ]);
  });

  test.each([
    ['right', COUNTER],
    ['wrong', LOST],
  ])('of a %s program is the same in every run, with one worker and two', (_, file) => {
    const first = lasting(checkJson(file));

    expect(lasting(checkJson(file))).toEqual(first);
    expect(lasting(checkJson(file, '--workers', '1'))).toEqual(first);
    expect(lasting(checkJson(file, '--workers', '2'))).toEqual(first);
  });

  test('of a large program comes with more workers than cores', () => {
    const file = workspace.write('crowd.ts', LARGE);

    const limit = ['--max-states', '200000', '--checkpoint', workspace.path('crowd')];
    const { code, stderr } = check(file, '--workers', '8', ...limit, '--no-lint');

    expect(code).toBe(3);
    expect(stderr).toMatch(/^wasm-rseq: to go on: [^\n]+\n$/);
  });

  test('has a schedule that fails the same way in replay', () => {
    const found = check(LOST, '--json', '--no-lint');
    const { schedule, failure } = lastLineJson(found.stdout);
    const from = workspace.write('found.json', found.stdout);

    const options = ['--cpus', '2', '--threads', '2', '--json', ...workspace.cache];
    const { code, stdout } = wasmRseqProcess(['replay', LOST, '--schedule', from, ...options]);

    expect(code).toBe(1);
    const again = lastLineJson(stdout);
    expect(again['schedule']).toBe(schedule);
    expect((again['failure'] as { message: string }).message).toContain('an increment was lost');
    expect((failure as { message: string }).message).toContain('an increment was lost');
  });

  test('of a run that fails is written as a trace', () => {
    const trace = workspace.path('trace.json');

    check(LOST, '--trace', trace, '--no-lint');

    expect(JSON.parse(readFileSync(trace, 'utf8'))).toHaveProperty('traceEvents');
  });

  test('of a right program leaves no trace file', () => {
    const trace = workspace.path('none.json');

    check(RIGHT, ...ONE_CPU, '--trace', trace, '--no-lint');

    expect(existsSync(trace)).toBe(false);
  });
});

describe('lint', () => {
  test('goes to stderr, unless there is to be none', () => {
    const warned = check(LATE, '--json');
    const silent = check(LATE, '--json', '--no-lint');

    expect(warned.stderr).toMatch(/^\S+:\d+: stale-cpu-id: /m);
    expect(silent.stderr).toBe('');
    expect(lasting(lastLineJson(warned.stdout))).toEqual(lasting(lastLineJson(silent.stdout)));
  });
});

describe('checkpoint', () => {
  let whole: Record<string, unknown>;
  const path = workspace.path('some.checkpoint');

  beforeAll(() => {
    whole = lasting(checkJson(RIGHT, ...ONE_CPU));
    check(RIGHT, ...ONE_CPU, '--max-states', '50', '--checkpoint', path);
    workspace.write('nonsense', 'nonsense');
    workspace.write('other.json', '{"format":"other"}\n');
    workspace.write('null.json', 'null\n');
    workspace.write('empty', '');
    workspace.write('input', 'input');
    mkdirSync(workspace.path('folder'));
    const bytes = readFileSync(path);
    for (const cut of [1, 8, bytes.length - 20]) {
      truncateSync(workspace.write(`cut-${cut}`, bytes), bytes.length - cut);
    }
    workspace.write('cut-head', bytes.subarray(0, 20));
  });

  test('is named, and goes on to the same result', () => {
    const { code, stderr } = check(
      RIGHT,
      ...ONE_CPU,
      '--max-states',
      '50',
      '--checkpoint',
      path,
      '--no-lint',
    );
    expect(code).toBe(3);
    expect(stderr).toBe(`wasm-rseq: to go on: wasm-rseq check ${RIGHT} --resume ${path}\n`);

    expect(lasting(checkJson(RIGHT, ...ONE_CPU, '--resume', path))).toEqual(whole);
  });

  test('lies beside the program unless said otherwise', () => {
    const file = workspace.write('beside.ts', readFileSync(RIGHT));

    check(file, ...ONE_CPU, '--max-states', '50');

    expect(lasting(checkJson(file, ...ONE_CPU, '--resume', `${file}.checkpoint`))).toEqual(whole);
  });

  test('of a search with --depth is never proven: what was too long is not in it', () => {
    const limits = ['--depth', '25', '--max-states', '5', '--checkpoint', path];
    expect(check(WRONG, ...ONE_CPU, ...limits).code).toBe(3);

    expect(check(WRONG, ...ONE_CPU, '--resume', path).code).not.toBe(0);
    check(RIGHT, ...ONE_CPU, '--max-states', '50', '--checkpoint', path);
  });

  test.each([
    ['another program', WRONG, ['--cpus', '1']],
    ['other CPUs', RIGHT, ['--cpus', '2']],
    ['other signals', RIGHT, ['--cpus', '1', '--signals', '1']],
    ['other reductions', RIGHT, ['--cpus', '1', '--without', 'local']],
    ['another input', RIGHT, ['--cpus', '1', '--stdin', 'DIR/input']],
  ])('is refused for %s', (_, file, options) => {
    expect(complaintOf(file, ...options, '--resume', path)).toBe(
      'DIR/some.checkpoint is of another program, or of other options',
    );
  });

  test.each([
    ['DIR/nonsense', 'DIR/nonsense is no file to resume a check from'],
    ['DIR/other.json', 'DIR/other.json is no file to resume a check from'],
    ['DIR/null.json', 'DIR/null.json is no file to resume a check from'],
    ['DIR/empty', 'DIR/empty is no file to resume a check from'],
    ['DIR/cut-head', 'DIR/cut-head is no file to resume a check from'],
    ['DIR/cut-1', 'DIR/cut-1 is cut short'],
    ['DIR/cut-8', 'DIR/cut-8 is cut short'],
    ['DIR/none', 'cannot read DIR/none: no such file or folder'],
    ['DIR/folder', 'cannot read DIR/folder: is a folder, not a file'],
  ])('%s is refused', (from, complaint) => {
    expect(complaintOf(RIGHT, ...ONE_CPU, '--resume', from)).toBe(complaint);
  });

  test.each([['--liveness'], ['--exact'], ['--preemptions', '3']])(
    'and shards are refused with %s, whose search has no parts',
    (...option) => {
      const rule = 'cannot be with --preemptions, --exact or --liveness';
      expect(complaintOf(RIGHT, ...option, '--resume', path)).toBe(`--resume ${rule}`);
      expect(complaintOf(RIGHT, ...option, '--shard', '1/2')).toBe(`--shard ${rule}`);
    },
  );

  test('that cannot be written is refused before the search', () => {
    expect(complaintOf(RIGHT, '--checkpoint', 'DIR/none/x')).toBe(
      'cannot write DIR/none/x: no such file or folder',
    );
  });

  test('is written when the command is interrupted', async () => {
    const file = workspace.write('large.ts', LARGE);
    const written = workspace.path('interrupted');
    // Compiled before: it is the search that is to be interrupted.
    check(file, '--max-states', '5', '--checkpoint', written);
    const words = ['check', file, '--no-lint', '--checkpoint', written, ...workspace.cache];
    const child = spawn(process.execPath, ['bin/wasm-rseq.js', ...words]);
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    setTimeout(() => child.kill('SIGINT'), 4000);

    const code = await new Promise((resolve) => child.on('exit', resolve));

    expect(code).toBe(3);
    expect(stderr).toBe(`wasm-rseq: to go on: wasm-rseq check ${file} --resume ${written}\n`);
    const going = ['--resume', written, '--max-states', '5', '--checkpoint', written];
    expect(check(file, ...going).code).toBe(3);
  });
});

/** The exit codes of all parts. */
function parts(file: string, count: number, ...options: string[]): Set<unknown> {
  const codes = new Set<unknown>();
  for (let index = 1; index <= count; index++) {
    const shard = ['--shard', `${index}/${count}`, ...options];
    codes.add(check(file, ...shard, '--no-lint').code);
  }
  return codes;
}

describe('shards', () => {
  test('are all proven for a right program, and one is violated for a wrong one', () => {
    expect(parts(RIGHT, 2, ...ONE_CPU)).toEqual(new Set([0]));
    expect(parts(WRONG, 2, ...ONE_CPU)).toContain(1);
    expect(parts(COUNTER, 2)).toEqual(new Set([0]));
    expect(parts(LOST, 2)).toContain(1);
  });

  test('see together all that a search sees that learns on its way', () => {
    const file = join(CORPUS, 'signal-handler/wrong.ts');

    expect(parts(file, 7, ...ONE_CPU, '--signals', '1')).toContain(1);
  });
});

describe('bad input', () => {
  test.each([
    [['--cpus', '33'], '--cpus 33 must be an integer from 1 to 32'],
    [['--cpus', ''], '--cpus "" must be an integer from 1 to 32'],
    [['--signals', '65'], '--signals 65 must be an integer from 0 to 64'],
    [['--max-states', '0'], '--max-states 0 must be an integer from 1 to 9007199254740991'],
    [['--workers', '257'], '--workers 257 must be an integer from 1 to 256'],
    [['--shard', '3/2'], '--shard 3/2 must be i/n with i from 1 to n, as 1/4'],
    [['--shard', '0/2'], '--shard 0/2 must be i/n with i from 1 to n, as 1/4'],
    [['--shard', ''], '--shard "" must be i/n with i from 1 to n, as 1/4'],
    [['--without', 'frob'], '--without frob must be local or switches or restarts or symmetry'],
    [['--without', 'local,'], '--without "" must be local or switches or restarts or symmetry'],
    [
      ['--abi', 'ras,turner'],
      'abi ras,turner cannot be: only linux or linux-v2 with turner or google can be two',
    ],
  ])('%j is refused', (options, complaint) => {
    expect(complaintOf(RIGHT, ...options)).toBe(complaint);
  });

  test('--max-memory may be more than there is', () => {
    expect(check(RIGHT, ...ONE_CPU, '--max-memory', '1048576').code).toBe(0);
  });

  test('a module with other metering is refused', () => {
    const module = workspace.path('block.wasm');
    const build = ['build', RIGHT, '--metering', 'block', '-o', module, ...workspace.cache];
    wasmRseqProcess(build);

    expect(complaintOf(module)).toBe('DIR/block.wasm was built with --metering block');
  });
});
