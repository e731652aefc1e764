// wasm-rseq lint: what it prints, and its exit codes.

import { afterAll, describe, expect, test } from 'vitest';
import { RULES } from '../../src/toolchain/index.js';
import { COUNTER, lastLineJson, wasmRseq, Workspace } from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

/** Line 5 reads the CPU too early, line 7 stores too early. */
const WRONG = workspace.write(
  'wrong.ts',
  `import { rseq } from 'wasm-rseq/assembly';
const WORD: usize = memory.data(8);
const SLOTS: usize = memory.data(1024);
export function main(): i32 {
  const slot = SLOTS + <usize>rseq.cpuId() * 64;
  rseq.restart(); rseq.start();
  store<i32>(WORD, 1);
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
  return 0;
}
`,
);

describe('lint', () => {
  test('prints a line for each finding, and fails', async () => {
    const { code, stdout } = await wasmRseq('lint', WRONG);

    const lines = stdout.trimEnd().split('\n');
    expect(code).toBe(1);
    expect(lines.map((line) => line.split(': ').slice(0, 3))).toEqual([
      ['wrong.ts:5', 'stale-cpu-id', 'wrong/main'],
      ['wrong.ts:7', 'early-store', 'wrong/main'],
    ]);
  });

  test('says so when there are none', async () => {
    expect(await wasmRseq('lint', COUNTER)).toEqual({
      code: 0,
      stdout: 'no findings\n',
      stderr: '',
    });
  });

  test('compiles with the runtime that is chosen, and refuses one that cannot be', async () => {
    const guest = workspace.write(
      'malloc.ts',
      `import { malloc } from 'wasm-rseq/assembly/percpu/malloc';
export function main(): i32 { return malloc(8) == 0; }
`,
    );

    expect((await wasmRseq('lint', guest, '--runtime', 'percpu')).code).toBe(0);
    const { code, stderr } = await wasmRseq('lint', guest, '--runtime', 'stub');
    expect([code, stderr]).toEqual([2, expect.stringContaining('needs the runtime percpu')]);
  });

  test('--json prints one object', async () => {
    const { code, stdout } = await wasmRseq('lint', WRONG, '--json');

    expect(code).toBe(1);
    expect(lastLineJson(stdout)).toEqual({
      findings: [
        expect.objectContaining({ rule: 'stale-cpu-id', file: 'wrong.ts', line: 5 }),
        expect.objectContaining({ rule: 'early-store', function: 'wrong/main', line: 7 }),
      ],
    });
    expect(lastLineJson((await wasmRseq('lint', COUNTER, '--json')).stdout)).toEqual({
      findings: [],
    });
  });

  test('--allow takes several rules, and may be repeated', async () => {
    const together = await wasmRseq('lint', WRONG, '--allow', 'stale-cpu-id', 'early-store');
    const apart = await wasmRseq('lint', '--allow=stale-cpu-id', '--allow=early-store', WRONG);

    expect([together.code, apart.code]).toEqual([0, 0]);
  });

  test('refuses a rule that is not there, in one line that lists the rules', async () => {
    const { code, stdout, stderr } = await wasmRseq('lint', WRONG, '--allow', 'no-such-rule');

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      `wasm-rseq: --allow no-such-rule must be one of ${Object.keys(RULES).join(', ')}\n`,
    );
  });

  test('refuses a module whose labels are gone, in one line', async () => {
    const module = workspace.path('wrong.wasm');
    await wasmRseq('build', WRONG, '-o', module, ...workspace.cache);

    const { code, stderr } = await wasmRseq('lint', module);

    expect(code).toBe(2);
    expect(stderr).toMatch(/^wasm-rseq: .*instrumented already.*\n$/);
  });

  test('explains every rule in its help', async () => {
    const { stdout } = await wasmRseq('lint', '--help');

    for (const rule of Object.keys(RULES))
      expect(stdout).toMatch(new RegExp(`^  ${rule} +\\w`, 'm'));
  });
});
