// The rivals in C: compiled on the spot into a folder that goes away with the process, and run as a
// process of their own that prints its time.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Absent } from './harness.js';
import { ROOT } from './programs.js';

const run = promisify(execFile);
const NO_SUCH_WAY = 77;
const LONGEST_MILLISECONDS = 60_000;

let folder;
const programs = new Map();

/** bench/native/<name>.c. Returns the path of the program. Errors: Absent. */
export function compileNative(name) {
  if (!programs.has(name)) programs.set(name, compileAnew(name));
  return programs.get(name);
}

async function compileAnew(name) {
  folder ??= temporaryFolder();
  const source = resolve(ROOT, 'bench/native', `${name}.c`);
  const program = join(folder, name);
  try {
    await run('cc', ['-O2', '-pthread', '-o', program, source]);
  } catch (error) {
    const [reason] = String(error.stderr || error.message).split('\n');
    throw new Absent(error.code === 'ENOENT' ? 'no C compiler (cc)' : `cc: ${reason}`);
  }
  return program;
}

function temporaryFolder() {
  const made = mkdtempSync(join(tmpdir(), 'wasm-rseq-bench-'));
  process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** The way of bench/native/<program>.c. Its loop warms up by itself. */
export function nativeRival(name, program, way, form, turns) {
  return {
    name,
    warmUps: 0,
    prepare: () => compileNative(program),
    run: async () => ({
      ns: Number(await runNative(await compileNative(program), [way, form, String(turns)])),
    }),
  };
}

/** Returns what the program prints. Errors: Absent. */
export async function runNative(program, args, environment = {}) {
  const env = { ...process.env, ...environment };
  try {
    const { stdout } = await run(program, args, { timeout: LONGEST_MILLISECONDS, env });
    return stdout;
  } catch (error) {
    if (error.code === NO_SUCH_WAY) throw new Absent('no rseq: needs Linux on x86-64');
    throw new Error(`${program} ${args.join(' ')}: status ${error.code ?? error.signal}`, {
      cause: error,
    });
  }
}
