// Processes of engines. Whatever is started here is gone when its time is over, with all that it has started, and
// so are its folders.

import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const running = new Set();
const folders = new Set();
/** A process that has been stopped may still be writing. */
const REMOVED = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 };

process.on('exit', () => {
  for (const child of running) stop(child);
  for (const folder of folders) rmSync(folder, REMOVED);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/**
 * Run `command` until `use`, which gets what the process prints, is done with it.
 * Errors: when the process ends before, or after `seconds`; and what `use` throws.
 */
export async function withProcess([file, ...args], { seconds, env = {} }, use) {
  const child = spawn(file, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints = (complaints + text).slice(-2000);
  });
  let timer;
  const isOver = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result after ${seconds} s`)), seconds * 1000);
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`ended with ${code}: ${complaints.trim()}`)));
  });
  try {
    return await Promise.race([use(child.stdout), isOver]);
  } finally {
    clearTimeout(timer);
    stop(child);
    running.delete(child);
  }
}

function stop(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** Everything that the process prints until it closes its output. */
export async function readAll(stdout) {
  let text = '';
  for await (const chunk of stdout.setEncoding('utf8')) text += chunk;
  return text;
}

/** The first line. Without one there is no end: how the process has ended says more. */
export async function readLine(stdout) {
  let text = '';
  for await (const chunk of stdout.setEncoding('utf8')) {
    text += chunk;
    if (text.includes('\n')) return text.split('\n')[0];
  }
  return new Promise(() => {});
}

export async function withTemporaryFolder(use) {
  const folder = await mkdtemp(join(tmpdir(), 'wasm-rseq-engine-'));
  folders.add(folder);
  try {
    return await use(folder);
  } finally {
    await rm(folder, REMOVED);
    folders.delete(folder);
  }
}
