// Guests, compiled in two ways: by our toolchain, to run under the host, and by asc alone, to run
// directly. A program is compiled once however often it is asked for, and its module is kept, so that
// every run is one of the code that the engine has optimised in an earlier one.

import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { createHost } from '../dist/host/index.js';
import { compileProgram } from '../dist/toolchain/index.js';
import { now } from './stopwatch.js';

export const ROOT = resolve(fileURLToPath(import.meta.url), '../..');
const CACHE = resolve(ROOT, '.cache/bench');

/** Longest slice there is: nothing is preempted. */
export const NO_PREEMPTION = { scheduler: 'round-robin', quantum: 2 ** 29, fuelLimit: 2 ** 50 };

const modules = new Map();

function once(key, make) {
  if (!modules.has(key)) modules.set(key, make());
  return modules.get(key);
}

/** A module made by our toolchain. options: as for compileProgram. */
export function instrumented(guest, options = {}) {
  return once(JSON.stringify([guest, options]), async () => {
    const file = resolve(ROOT, guest);
    const { wasm } = await compileProgram(file, { cacheFolder: CACHE, ...options });
    return { wasm, module: await WebAssembly.compile(wasm) };
  });
}

/** The module that asc makes of the same source without our transform. */
export function plain(guest) {
  return once(JSON.stringify([guest, 'plain']), async () => {
    const wasm = await ascAlone(resolve(ROOT, guest));
    return { wasm, module: await WebAssembly.compile(wasm) };
  });
}

/** Run under the host. Returns the milliseconds of the run, and the word that the guest reported. */
export async function runInstrumented({ module }, options) {
  let reported;
  const onOutput = (_fd, bytes) => {
    reported = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  };
  const host = await createHost({ wasm: module, onOutput, ...NO_PREEMPTION, ...options });
  const start = now();
  const result = host.run();
  const milliseconds = now() - start;
  return { milliseconds, reported, result };
}

/** Run directly: its system calls are functions here. Returns the same as runInstrumented. */
export async function runPlain({ module }, { args = [], stdin = new Uint8Array() }) {
  let reported;
  let memory;
  let at = 0;
  const { exports } = await WebAssembly.instantiate(module, {
    env: { abort: () => {} },
    machine: {
      argument: (index, buffer, size) => {
        const bytes = new TextEncoder().encode(args[index] ?? '');
        new Uint8Array(memory.buffer).set(bytes.subarray(0, size), buffer);
        return bytes.length;
      },
      read: (_fd, buffer, length) => {
        const bytes = stdin.subarray(at, at + length);
        new Uint8Array(memory.buffer).set(bytes, buffer);
        at += bytes.length;
        return bytes.length;
      },
      report: (checksum) => {
        reported = checksum >>> 0;
      },
    },
  });
  memory = exports.memory;
  const start = now();
  const status = exports.main();
  const milliseconds = now() - start;
  return {
    milliseconds,
    reported,
    result: { ok: status === 0, failure: { message: `${status}` } },
  };
}

/**
 * Compile `file` as compileProgram does, but without our transform; of the bench's own guests,
 * machine-plain.ts is then what machine.ts is otherwise.
 */
export async function ascAlone(file) {
  const folder = dirname(file);
  const outputs = new Map();
  const { error, stderr } = await asc.main(
    [
      basename(file),
      ...'--noColors --config none.json --baseDir . --outFile program.wasm'.split(' '),
      ...'--sourceMap --debug --runtime stub --optimizeLevel 3 --enable threads'.split(' '),
    ],
    {
      readFile: (name, base) =>
        readFile(locate(resolve(folder, base, name)), 'utf8').catch(() => null),
      writeFile: (name, contents) => void outputs.set(basename(name), contents),
      listFiles: () => [],
    },
  );
  if (error !== null) throw new Error(`${file} does not compile\n${stderr.toString()}`);
  return outputs.get('program.wasm');
}

function locate(path) {
  const [, inPackage] = path.split('/node_modules/wasm-rseq/');
  if (inPackage !== undefined) return resolve(ROOT, inPackage);
  return path.replace(/bench\/guests\/machine\.ts$/, 'bench/guests/machine-plain.ts');
}
