// Guests as asc makes them on its own: optimised, their labels still calls; and what comes of lowering the
// labels only then.

import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as asc from 'assemblyscript/asc';
import binaryenPackage from 'binaryen';
import { type Binaryen, portableFeatures } from '../../src/toolchain/binaryen.js';
import { instrument, type InstrumentOptions } from '../../src/toolchain/instrument.js';
import { writeGuest } from './compile.js';

const binaryen = binaryenPackage as unknown as Binaryen;

/** A finished module with labels. */
export async function compileWithoutTransform(source: string): Promise<Uint8Array> {
  const file = writeGuest(source);
  const link = join(dirname(file), 'node_modules/wasm-rseq');
  mkdirSync(dirname(link), { recursive: true });
  // One of an earlier run may lead to a checkout that is gone.
  rmSync(link, { force: true });
  symlinkSync(resolve('.'), link);
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    // With the table exported asc keeps the functions that only the kernel calls.
    'guest.ts --config none.json --outFile guest.wasm -O3 --runtime stub --exportTable'.split(' '),
    {
      readFile: (name, folder) => {
        try {
          return readFileSync(resolve(dirname(file), folder, name), 'utf8');
        } catch {
          return null;
        }
      },
      writeFile: (_name, contents) => {
        wasm = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === undefined) throw new Error(stderr.toString());
  return wasm;
}

/** The mistake: labels become control flow after the optimiser, and no local is given back. */
export function lowerLate(
  optimized: Uint8Array,
  options: InstrumentOptions = {},
): Uint8Array<ArrayBuffer> {
  const module = binaryen.readBinary(optimized, portableFeatures(binaryen));
  instrument(binaryen, module, {
    isOptimized: true,
    restoreLocals: false,
    optimizeLevel: 2,
    ...options,
  });
  const wasm = module.emitBinary();
  module.dispose();
  return wasm;
}
