// Many threads, all alive and preempted at once. A process each: what one run leaves behind would be in
// the account of the next.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Absent } from '../harness.js';
import { instrumented, ROOT } from '../programs.js';

const run = promisify(execFile);
const PROCESS = resolve(ROOT, 'bench/groups/threads-process.js');

export const FEW = '10 threads';
export const MOST = '1000000 threads';

/**
 * How many; how often each is preempted before time is taken, and while it is; rounds of the bench. A
 * million spawns are enough of a warm-up.
 */
const SIZES = [
  { threads: 10, warmUp: 30_000, timed: 50_000, rounds: 3 },
  { threads: 1000, warmUp: 300, timed: 500, rounds: 3 },
  { threads: 100_000, warmUp: 1, timed: 5, rounds: 2 },
  { threads: 1_000_000, warmUp: 0, timed: 2, rounds: 1 },
];
/** With --quick the larger ones are left out. */
const QUICK_MOST = 1000;
const LONGEST_MILLISECONDS = 300_000;

export function threadsGroups({ isQuick }) {
  return [{ name: 'threads', unit: 'switch', rivals: SIZES.map((size) => rivalOf(size, isQuick)) }];
}

function rivalOf({ threads, warmUp, timed, rounds }, isQuick) {
  return {
    name: `${threads} threads`,
    warmUps: 0,
    rounds,
    run: () => {
      if (!isQuick) return runProcess(threads, warmUp, timed);
      if (threads > QUICK_MOST) throw new Absent('--quick leaves it out');
      return runProcess(threads, 0, 2);
    },
  };
}

async function runProcess(threads, warmUp, timed) {
  const numbers = [threads, warmUp, timed].map(String);
  const args = ['--expose-gc', PROCESS, await moduleFile(), ...numbers];
  let output;
  try {
    output = await run(process.execPath, args, { timeout: LONGEST_MILLISECONDS });
  } catch (error) {
    throw new Absent(reasonOf(error));
  }
  const notes = JSON.parse(output.stdout);
  const least = threads * (1 + warmUp + timed);
  if (notes.preemptions < least) {
    throw new Error(`${threads} threads: ${notes.preemptions} preemptions instead of ${least}`);
  }
  return notes;
}

/** An engine out of memory says so in the middle of a page. */
function reasonOf({ stderr, message, killed }) {
  if (killed) return `not done after ${LONGEST_MILLISECONDS / 1000} s`;
  const lines = String(stderr ?? '').split('\n');
  return lines.find((line) => /error|fatal/i.test(line))?.trim() ?? message.split('\n')[0];
}

let file;

async function moduleFile() {
  if (file === undefined) {
    const { wasm } = await instrumented('bench/guests/threads.ts', { metering: 'block' });
    const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-bench-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    file = join(folder, 'threads.wasm');
    writeFileSync(file, wasm);
  }
  return file;
}
