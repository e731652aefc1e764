// Instrumenting finished modules: what is odd is refused with a ToolchainError, what is fine is taken,
// and one compilation does not disturb another.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import binaryen from 'binaryen';
import { describe, expect, test } from 'vitest';
import { createHost } from '../../src/host/index.js';
import { compileProgram, instrumentFile, ToolchainError } from '../../src/toolchain/index.js';
import { bootProgram } from '../guests/compile.js';

/** Text to bytes, with every feature that Binaryen has. */
function assemble(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

const MAIN = '(func (export "main") (result i32) (i32.const 0))';

const REFUSED: readonly (readonly [law: string, text: string, message: RegExp])[] = [
  [
    'a label with another signature',
    `(module (import "rseq" "start" (func (param i32))) (memory 1) ${MAIN})`,
    /rseq\.start\) is no import of the library/,
  ],
  [
    'an unknown import of rseq',
    `(module (import "rseq" "stop" (func)) (memory 1) ${MAIN})`,
    /rseq\.stop\) is no import of the library/,
  ],
  [
    'an export with a name of the contract',
    `(module (memory 1) ${MAIN} (func (export "rseq.run")))`,
    /exports rseq\.run, a name of the contract/,
  ],
  [
    'a global with a name of ours',
    `(module (memory 1) ${MAIN} (global $rseq.fuel (mut i32) (i32.const 0)) (func (export "f") (result i32) (global.get $rseq.fuel)))`,
    /./,
  ],
  [
    'a tail call',
    `(module (memory 1) (func $f (result i32) (i32.const 0)) (func (export "main") (result i32) (return_call $f)))`,
    /./,
  ],
  ['a module without memory', `(module ${MAIN})`, /has no memory/],
  [
    'a main that returns nothing',
    '(module (memory 1) (func (export "main")))',
    /main must take nothing and return i32/,
  ],
];

describe('a finished module', () => {
  test.each(REFUSED)(
    'with %s is refused by a ToolchainError, or runs',
    async (_law, text, message) => {
      const outcome = await instrumentFile(assemble(text)).catch((error: unknown) => error);

      if (outcome instanceof Uint8Array) {
        const host = await createHost({ wasm: outcome as BufferSource });
        expect(host.run().ok).toBe(true);
      } else {
        expect(outcome).toBeInstanceOf(ToolchainError);
        expect((outcome as Error).message).toMatch(message);
      }
    },
  );

  test.each(['(memory 1)', '(memory 1 1)', '(memory 1 65536)', '(memory $odd 2 3)'])(
    'with %s, which its code does not use, runs',
    async (memory) => {
      const wasm = await instrumentFile(assemble(`(module ${memory} ${MAIN})`));

      const host = await createHost({ wasm: wasm as BufferSource });

      expect(host.run().ok).toBe(true);
    },
  );

  test('is refused a second time', async () => {
    const once = await instrumentFile(assemble(`(module (memory 1) ${MAIN})`));

    await expect(instrumentFile(once)).rejects.toThrow(/instrumented already/);
  });
});

describe('compiling', () => {
  test('two programs at once gives what each gives alone', async () => {
    const options = { optimizeLevel: 0 } as const;
    const alone = await compileProgram('examples/counter/main.ts', options);

    const [beside] = await Promise.all([
      compileProgram('examples/counter/main.ts', options),
      compileProgram('examples/counter-unprotected/main.ts', { optimizeLevel: 3 }),
    ]);

    expect(beside.wasm).toEqual(alone.wasm);
  });

  test('a program whose file is named like a register keeps its points', async () => {
    const source = `import { spawn, join, nrThreads } from 'wasm-rseq/assembly';
      let total: i32 = 0;
      function worker(n: usize): i32 { for (let i = 0; i < 100; i++) total = total + 1; return 0; }
      export function main(): i32 {
        const a = spawn(worker, 0), b = spawn(worker, 0);
        join(a); join(b);
        return total;
      }`;
    const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-names-'));
    const [plain, disguised] = await Promise.all(
      ['guest.ts', 'rseq.fuel.ts'].map((name) => {
        writeFileSync(join(folder, name), source);
        return compileProgram(join(folder, name));
      }),
    );

    const points = await Promise.all(
      [plain, disguised].map(async (program) => (await bootProgram(program as never)).map.points),
    );

    expect(points[1]?.length).toBe(points[0]?.length);
  });
});
