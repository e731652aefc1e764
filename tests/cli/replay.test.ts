// wasm-rseq replay: the same run from its schedule alone, however the schedule is handed over.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

let recorded: string;
let schedule: string;
let traceHash: string;

beforeAll(async () => {
  recorded = (await wasmRseq('run', COUNTER, ...SLICED, '--json', ...workspace.cache)).stdout;
  ({ schedule, traceHash } = lastLineJson(recorded) as { schedule: string; traceHash: string });
});

function replayOf(from: string): string[] {
  return ['replay', COUNTER, '--schedule', from, ...MACHINE, '--json', ...workspace.cache];
}

describe('replay', () => {
  test('of the text is the recorded run', async () => {
    const { code, stdout, stderr } = await wasmRseq(...replayOf(schedule));

    expect(code).toBe(0);
    expect(stdout).toBe(recorded);
    expect(stderr).toBe('8000\n');
  });

  test.each([
    ['@FILE with the text', '@text.txt'],
    ['FILE with the JSON of a run', 'run.json'],
    ['@FILE with the JSON of a run', '@run.json'],
  ])('of %s is the recorded run', async (_, name) => {
    workspace.write('text.txt', `${schedule}\n`);
    workspace.write('run.json', recorded);

    const from = name.startsWith('@') ? `@${workspace.path(name.slice(1))}` : workspace.path(name);
    const { stdout } = await wasmRseq(...replayOf(from));

    expect(lastLineJson(stdout)['traceHash']).toBe(traceHash);
  });

  test('of standard input is the recorded run', () => {
    const { code, stdout } = wasmRseqProcess(replayOf('-'), recorded);

    expect(code).toBe(0);
    expect(lastLineJson(stdout)['traceHash']).toBe(traceHash);
  });

  test('by run --schedule is the recorded run', async () => {
    const { stdout } = await wasmRseq(
      'run',
      COUNTER,
      ...MACHINE,
      '--schedule',
      schedule,
      '--json',
      ...workspace.cache,
    );

    expect(stdout).toBe(recorded);
  });

  test('of a failure fails the same way', async () => {
    const failed = await wasmRseq('run', UNPROTECTED, ...SLICED, '--json', ...workspace.cache);
    const from = workspace.write('failed.json', failed.stdout);

    const again = await wasmRseq(
      'replay',
      UNPROTECTED,
      '--schedule',
      from,
      '--json',
      ...workspace.cache,
    );

    expect(again).toEqual(failed);
  });

  test('with fewer threads says that the program is not the one recorded', async () => {
    const { code, stdout, stderr } = await wasmRseq(...replayOf(schedule), '--threads', '7');

    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^wasm-rseq: schedule .*--threads.*\n$/m);
  });

  test('that ends early says so', async () => {
    const { code, stderr } = await wasmRseq(...replayOf(schedule), '--fuel-limit', '500');

    expect(code).toBe(1);
    expect(stderr).toBe('wasm-rseq: the program ended before the schedule did\n');
  });
});
