// --abi: what a program is compiled for, and what the kernel speaks.

import { afterAll, describe, expect, test } from 'vitest';
import { ABI_NAMES } from '../../src/abi/index.js';
import { COUNTER, lastLineJson, SLICED, UNPROTECTED, wasmRseq, Workspace } from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

function call(command: string, ...argv: string[]): ReturnType<typeof wasmRseq> {
  return wasmRseq(command, ...argv, ...workspace.cache);
}

describe('--abi', () => {
  test.each(ABI_NAMES)('%s counts exactly', async (abi) => {
    const machine = abi === 'ras' ? ['--cpus', '1'] : [];
    const { code, stdout } = await call('run', COUNTER, ...SLICED, ...machine, '--abi', abi);

    expect([code, stdout]).toEqual([0, '8000\n']);
  });

  test('of a built module is what it was built for, unless another of its family is asked for', async () => {
    const module = workspace.path('linux.wasm');
    await call('build', COUNTER, '--abi', 'linux', '-o', module);

    expect((await call('run', module)).code).toBe(0);
    expect((await call('run', module, '--abi', 'linux-v2')).code).toBe(0);
    expect((await call('run', module, '--abi', 'turner,linux')).code).toBe(0);
    const { code, stderr } = await call('run', module, '--abi', 'turner');
    expect([code, stderr]).toEqual([
      2,
      'wasm-rseq: abi turner cannot run a module whose sections are compiled for linux\n',
    ]);
  });

  test('of a pair compiles for the first', async () => {
    const { stdout } = await call('inspect', COUNTER, '--abi', 'linux,turner', '--json');

    expect(lastLineJson(stdout)['abi']).toBe('linux');
  });

  test('is shown by inspect, with the arming of the section behind its labels', async () => {
    const { stdout } = await call('inspect', COUNTER, '--abi', 'event-counter');

    expect(stdout).toMatch(/critical range .*, abi event-counter\n$/);
    expect(stdout).toContain('global.get $rseq.dx');
  });

  test('is part of the command that repeats a run, which replays', async () => {
    const schedule = workspace.path('schedule.txt');
    const options = [...SLICED, '--abi', 'linux', '--rseq-debug', '--save-schedule', schedule];

    const { stderr } = await call('run', UNPROTECTED, ...options);

    const [, repeat = ''] = /repeat with: wasm-rseq (.*)\n/.exec(stderr) ?? [];
    expect(repeat).toContain('--abi linux --rseq-debug');
    const replayed = await call(...(repeat.split(' ') as [string, ...string[]]));
    expect(hashIn(replayed.stderr)).toBe(hashIn(stderr));
  });

  test.each([
    ['solaris', '--abi solaris must be turner or google or event-counter or'],
    ['', '--abi "" must be turner or'],
    ['linux,', '--abi "" must be turner or'],
    ['linux,ras', 'abi linux,ras'],
    ['turner,google', 'abi turner,google'],
    ['linux,turner,google', 'abi linux,turner,google'],
  ])('%s is one line on stderr', async (abi, complaint) => {
    const { code, stdout, stderr } = await call('run', COUNTER, '--abi', abi);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^wasm-rseq: [^\n]+\n$/);
    expect(stderr).toContain(complaint);
  });
});

function hashIn(text: string): string | undefined {
  return /trace hash\s+([0-9a-f]{16})/.exec(text)?.[1];
}
