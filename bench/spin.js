// SPIN, where it is installed: a model of bench/models, made into a verifier by spin and cc, and run as a
// process of its own.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Absent } from './harness.js';
import { ROOT } from './programs.js';

const run = promisify(execFile);
const LONGEST_MILLISECONDS = 300_000;
/** Steps of its stack. */
const DEPTH = 1_000_000;

/** definitions: of the model's macros. Making the verifier takes no time here. */
export function spinRival(model, definitions) {
  let verifier;
  return {
    name: 'spin',
    warmUps: 0,
    prepare: async () => {
      verifier = await make(model, definitions);
    },
    run: () => verify(verifier),
  };
}

async function make(model, definitions) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = resolve(ROOT, 'bench/models', `${model}.pml`);
  const macros = Object.entries(definitions).map(([name, value]) => `-D${name}=${value}`);
  await tool('spin', ['-a', ...macros, file], folder);
  await tool('cc', ['-O2', '-w', '-DSAFETY', '-DMEMLIM=4096', '-o', 'pan', 'pan.c'], folder);
  return join(folder, 'pan');
}

async function tool(name, args, cwd) {
  try {
    await run(name, args, { cwd });
  } catch (error) {
    if (error.code === 'ENOENT') throw new Absent(`no ${name}`);
    const [reason] = String(error.stderr || error.stdout || error.message).split('\n');
    throw new Absent(`${name}: ${reason}`);
  }
}

async function verify(verifier) {
  const start = performance.now();
  const { stdout } = await run(verifier, [`-m${DEPTH}`], { timeout: LONGEST_MILLISECONDS });
  const ns = (performance.now() - start) * 1e6;
  const number = (pattern) => Number(pattern.exec(stdout)?.[1]);
  const isProven = number(/errors: (\d+)/) === 0 && !/search depth too small/.test(stdout);
  return {
    ns,
    verdict: isProven ? 'proven' : 'violated',
    states: number(/(\d+) states, stored/),
    transitions: number(/(\d+) transitions/),
  };
}
