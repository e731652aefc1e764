// wasm-rseq check: a program under every interleaving.

import type { Command } from 'commander';
import type { Progress } from '../check/limits.js';
import type { CheckOptions, CheckResult } from '../check/options.js';
import { formatResult, sourcesIn } from '../check/report.js';
import { lintProgram } from '../toolchain/compile.js';
import { formatFinding } from '../toolchain/lint.js';
import { readCheckpoint, writeCheckpoint } from '../node/checkpoint.js';
import { readBytes, requireWritable } from '../node/files.js';
import {
  checkInParallel,
  type ParallelCheckOptions,
  type ParallelResult,
  requireDivisible,
} from '../node/parallel-check.js';
import type { Program } from '../node/program.js';
import { GUEST_FAILURE, INCOMPLETE, type Invocation, SUCCESS } from './invocation.js';
import { addCheckOptions, addCompileOptions, type CheckCommandOptions } from './options.js';
import { prepareProgram, programKind } from './program.js';
import { StatusLine } from './progress.js';
import { formatCount } from './table.js';
import { traceSchedule } from './trace-schedule.js';

const EXAMPLES = `
A .ts file is compiled with --metering instruction: it can be interrupted before every access to memory.

Exit code: 0 proven, 1 violated, 3 incomplete, 2 wrong usage or input.

Examples:
  wasm-rseq check main.ts
  wasm-rseq check main.ts --cpus 2 --signals --preemptions 3
  wasm-rseq check main.ts --max-seconds 60 --json
  wasm-rseq check main.ts --shard 1/4
  wasm-rseq check main.ts --resume main.ts.checkpoint`;

export function addCheck(program: Command, invocation: Invocation): void {
  const command = program
    .command('check')
    .description('prove a program under every interruption, or show the shortest way it fails')
    .usage('[options] FILE [-- ARGUMENTS...]')
    .argument('<file>', 'program: .ts, or .wasm built with --metering instruction');
  addCheckOptions(command);
  addCompileOptions(command);
  command.addHelpText('after', EXAMPLES);
  command.action(async (file: string, options: CheckCommandOptions) => {
    invocation.exitCode = await checkFile(file, options, invocation.guestArguments);
  });
}

const EXIT_CODES: Readonly<Record<CheckResult['verdict'], number>> = {
  proven: SUCCESS,
  violated: GUEST_FAILURE,
  incomplete: INCOMPLETE,
};

async function checkFile(
  file: string,
  options: CheckCommandOptions,
  guestArguments: readonly string[],
): Promise<number> {
  requireDivisible(options);
  const program = await prepareProgram(file, { metering: 'instruction', ...options });
  if (options.trace !== undefined) requireWritable(options.trace);
  if (options.checkpoint !== undefined) requireWritable(options.checkpoint);
  if (options.lint) await warn(file, options);
  const checkOptions = toCheckOptions(program, options, guestArguments);
  const { result, checkpoint } = await checkProgram(program, checkOptions);
  if (options.trace !== undefined && result.schedule !== undefined) {
    await traceSchedule(file, program, checkOptions, result.schedule, options.trace);
  }
  print(result, options, program.sourceMap);
  if (checkpoint !== undefined) {
    const path = options.checkpoint ?? `${file}.checkpoint`;
    writeCheckpoint(path, checkpoint, program.wasm, checkOptions);
    process.stderr.write(`wasm-rseq: to go on: wasm-rseq check ${file} --resume ${path}\n`);
  }
  return EXIT_CODES[result.verdict];
}

/** Errors: InputError. */
function toCheckOptions(
  { wasm }: Program,
  options: CheckCommandOptions,
  args: readonly string[],
): ParallelCheckOptions {
  const { cpus, signals, threads, memoryLimit, liveness, exact, abi, workers, shard } = options;
  const { without = [], resume } = options;
  const given: ParallelCheckOptions = {
    cpus,
    threads,
    memoryLimit,
    args,
    reductions: Object.fromEntries(without.map((name) => [name, false])),
    ...(abi !== undefined && { abi }),
    ...(signals !== undefined && { signals: signals === true ? 1 : signals }),
    ...(liveness === true && { liveness }),
    ...(exact === true && { exact }),
    ...limitsOf(options),
    ...(options.stdin !== undefined && { stdin: readBytes(options.stdin) }),
    ...(workers !== undefined && { workers }),
    ...(shard !== undefined && { shard }),
  };
  return resume === undefined ? given : { ...given, resume: readCheckpoint(resume, wasm, given) };
}

const MEBIBYTE = 2 ** 20;

function limitsOf({
  preemptions,
  maxStates,
  maxSeconds,
  maxMemory,
  depth,
}: CheckCommandOptions): CheckOptions {
  return {
    ...(preemptions !== undefined && { preemptions }),
    ...(maxStates !== undefined && { maxStates }),
    ...(maxSeconds !== undefined && { maxSeconds }),
    ...(maxMemory !== undefined && { maxMemory: maxMemory * MEBIBYTE }),
    ...(depth !== undefined && { depth }),
  };
}

async function checkProgram(
  program: Program,
  options: ParallelCheckOptions,
): Promise<ParallelResult> {
  const status = new StatusLine(process.stderr, () => performance.now());
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
  };
  const onProgress = (progress: Progress): boolean => {
    status.show(describe(progress));
    return !isInterrupted;
  };
  process.once('SIGINT', interrupt);
  try {
    return await checkInParallel(program, { ...options, onProgress });
  } finally {
    process.off('SIGINT', interrupt);
    status.clear();
  }
}

function describe({ states, transitions, queue, depth, done, seconds }: Progress): string {
  const rate = formatCount(Math.round(states / Math.max(seconds, 0.001)));
  return (
    `${formatCount(states)} states, ${formatCount(transitions)} transitions, ${rate} states/s, ` +
    `queue ${formatCount(queue)}, depth ${formatCount(depth)}, about ${(done * 100).toFixed(1)} % done`
  );
}

/** What the lints find is no verdict. */
async function warn(file: string, { runtime }: CheckCommandOptions): Promise<void> {
  if (programKind(file) !== 'ts') return;
  for (const finding of await lintProgram(file, { ...(runtime !== undefined && { runtime }) })) {
    process.stderr.write(`${formatFinding(finding)}\n`);
  }
}

function print(result: CheckResult, { json }: CheckCommandOptions, sourceMap = ''): void {
  if (json === true) process.stdout.write(`${formatJson(result)}\n`);
  else process.stdout.write(`${formatResult(result, { sourceOf: sourcesIn(sourceMap) })}\n`);
}

/** N.B. The order of the keys is part of the interface. */
function formatJson(result: CheckResult): string {
  const { missed, ...coverage } = result.coverage;
  return JSON.stringify({
    verdict: result.verdict,
    states: result.states,
    transitions: result.transitions,
    seconds: result.seconds,
    coverage: { ...coverage, missed },
    schedule: result.schedule ?? null,
    steps: result.steps ?? null,
    preemptions: result.preemptions ?? null,
    failure: result.failure ?? null,
    reason: result.reason ?? null,
  });
}
