// The scenarios on the kernel of this machine: builds tests/native/oracle.c and runs it, where that
// is possible. And the recording of such a run.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseTranscript, type Transcript } from './transcript.js';

/** The kernel that was recorded. */
export const RECORDED = 'Linux 6.18';
const RECORDING = 'tests/native/transcript-linux-6.18.txt';

const COMPILERS = ['cc', 'gcc', 'clang'];
const FLAGS = ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread'];
const TIMEOUT_MS = 120_000;
/** What a scenario ends with that has waited too long for what its own threads were to do. */
const GAVE_UP = 'killed SIGALRM';
const ATTEMPTS = 3;

export type NativeRun =
  | { readonly kernel: string; readonly transcript: Transcript }
  /** Why there is none. */
  | { readonly reason: string };

const run = promisify(execFile);

/** root: the folder of package.json. */
export async function readRecording(root: string): Promise<Transcript> {
  return parseTranscript(await readFile(join(root, RECORDING), 'utf8'));
}

export async function runNative(root: string): Promise<NativeRun> {
  const reason = unsuitable(process.platform, process.arch, release());
  if (reason !== undefined) return { reason };
  const compiler = await findCompiler();
  if (compiler === undefined) return { reason: `no C compiler: ${COMPILERS.join(', ')}` };
  const folder = await mkdtemp(join(tmpdir(), 'rseq-oracle-'));
  try {
    return await buildAndRun(root, compiler, join(folder, 'oracle'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Why a system cannot be compared: what is emulated is rseq of Linux up to 6.18, on x86-64. */
export function unsuitable(platform: string, arch: string, version: string): string | undefined {
  if (platform !== 'linux' || arch !== 'x64') return `${platform} on ${arch}, not Linux on x64`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  // The concurrency id and what membarrier has registered are told since 6.3.
  if (major === 6 && minor >= 3 && minor <= 18) return undefined;
  return `Linux ${version}; emulated is what 6.3 to 6.18 do`;
}

async function findCompiler(): Promise<string | undefined> {
  for (const name of COMPILERS) {
    const isThere = await run(name, ['--version']).then(
      () => true,
      () => false,
    );
    if (isThere) return name;
  }
  return undefined;
}

async function buildAndRun(root: string, compiler: string, program: string): Promise<NativeRun> {
  const source = join(root, 'tests/native/oracle.c');
  try {
    await run(compiler, [...FLAGS, '-o', program, source]);
  } catch (error) {
    return { reason: `${compiler} fails: ${firstLine((error as { stderr: string }).stderr)}` };
  }
  const { stdout } = await run(program, [], { timeout: TIMEOUT_MS });
  if (stdout.startsWith('skip: ')) return { reason: firstLine(stdout).slice('skip: '.length) };
  const transcript = await retryPatiently(program, parseTranscript(stdout));
  return { kernel: `Linux ${release()}`, transcript };
}

/** On a machine that is busy with other things a scenario may give up that would not alone. */
async function retryPatiently(program: string, transcript: Transcript): Promise<Transcript> {
  let steps = transcript;
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const impatient = [...steps].filter(([, lines]) => lines.at(-1)?.result === GAVE_UP);
    if (impatient.length === 0) break;
    const names = impatient.map(([name]) => name);
    const { stdout } = await run(program, names, { timeout: TIMEOUT_MS });
    steps = new Map([...steps, ...parseTranscript(stdout)]);
  }
  return steps;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
