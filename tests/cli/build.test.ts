// wasm-rseq build: modules that run by themselves, from source and from finished modules.

import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { COUNTER, lastLineJson, SLICED, wasmRseq, Workspace } from './command.js';

const workspace = new Workspace();
afterAll(() => workspace.remove());

/** (module (import "env" "memory") (export "main" (func 0)) (func 0 (result i32) i32.const 0)) */
const PLAIN_MODULE = Uint8Array.from([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f, 0x03,
  0x02, 0x01, 0x00, 0x05, 0x03, 0x01, 0x00, 0x01, 0x07, 0x11, 0x02, 0x04, 0x6d, 0x61, 0x69, 0x6e,
  0x00, 0x00, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x00, 0x0a, 0x06, 0x01, 0x04, 0x00,
  0x41, 0x00, 0x0b,
]);

describe('build', () => {
  test('of a .ts file writes the module and its source map, and says what is in it', async () => {
    const output = workspace.path('out.wasm');

    const printed = await wasmRseq('build', COUNTER, '-o', output, ...workspace.cache);

    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(printed.stdout).toMatch(/^.*out\.wasm: [\d,]+ bytes, 1 section, \d+ points\n$/);
    expect(WebAssembly.validate(readFileSync(output))).toBe(true);
    expect(JSON.parse(workspace.read('out.wasm.map'))).toMatchObject({ version: 3 });
  });

  test('of a .ts file runs as the .ts file does', async () => {
    const output = workspace.path('same.wasm');
    await wasmRseq('build', COUNTER, '-o', output, ...workspace.cache);

    const source = await wasmRseq('run', COUNTER, ...SLICED, '--json', ...workspace.cache);
    const binary = await wasmRseq('run', output, ...SLICED, '--json');

    expect(binary).toEqual(source);
  });

  test('with block metering has fewer points', async () => {
    const output = workspace.path('block.wasm');

    const all = await wasmRseq('build', COUNTER, '-o', output, ...workspace.cache);
    const some = await wasmRseq(
      'build',
      COUNTER,
      '-o',
      output,
      '--metering',
      'block',
      ...workspace.cache,
    );

    expect(pointsIn(some.stdout)).toBeLessThan(pointsIn(all.stdout));
  });

  test('of a .ts file writes beside it', async () => {
    const guest = workspace.write('plain.ts', 'export function main(): i32 { return 0; }');

    await wasmRseq('build', guest, ...workspace.cache);

    expect(existsSync(workspace.path('plain.wasm'))).toBe(true);
    expect(existsSync(workspace.path('plain.wasm.map'))).toBe(true);
  });

  test('of a .wasm file writes FILE.rseq.wasm, which runs', async () => {
    const module = workspace.write('foreign.wasm', PLAIN_MODULE);

    const built = await wasmRseq('build', module);
    const run = await wasmRseq('run', workspace.path('foreign.rseq.wasm'), '--json');

    expect(built).toMatchObject({ code: 0, stderr: '' });
    expect(built.stdout).toMatch(/foreign\.rseq\.wasm: [\d,]+ bytes, 0 sections, /);
    expect(existsSync(workspace.path('foreign.rseq.wasm.map'))).toBe(false);
    expect(lastLineJson(run.stdout)).toMatchObject({ ok: true });
  });
});

function pointsIn(line: string): number {
  return Number(/(\d+) points/.exec(line)?.[1]);
}
