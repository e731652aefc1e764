// wasm-rseq check: a program under every interleaving.

import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import type { Progress } from '../check/limits.js';
import type { CheckOptions, CheckResult, Reductions } from '../check/options.js';
import { formatResult, sourcesIn } from '../check/report.js';
import { lintProgram } from '../toolchain/compile.js';
import { formatFinding } from '../toolchain/lint.js';
import { readCheckpoint, type Subject, writeCheckpoint } from './checkpoint.js';
import { Coordinator, type ParallelResult } from './coordinator.js';
import { InputError, readBytes, requireWritable } from './files.js';
import { GUEST_FAILURE, INCOMPLETE, type Invocation, SUCCESS } from './invocation.js';
import { addCheckOptions, addCompileOptions, type CheckCommandOptions } from './options.js';
import { loadProgram, type Program, programKind } from './program.js';
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
  const program = await loadProgram(file, { metering: 'instruction', ...options });
  if (options.trace !== undefined) requireWritable(options.trace);
  if (options.checkpoint !== undefined) requireWritable(options.checkpoint);
  if (options.lint) await warn(file, options);
  const subject = toSubject(program, options, guestArguments);
  const { result, checkpoint } = await checkProgram(program, options, subject);
  if (options.trace !== undefined && result.schedule !== undefined) {
    await traceSchedule(file, program, subject.options, result.schedule, options.trace);
  }
  print(result, options, program.sourceMap);
  if (checkpoint !== undefined) {
    const path = options.checkpoint ?? `${file}.checkpoint`;
    writeCheckpoint(path, subject, checkpoint);
    process.stderr.write(`wasm-rseq: to go on: wasm-rseq check ${file} --resume ${path}\n`);
  }
  return EXIT_CODES[result.verdict];
}

/** The searches of these options go through states in an order that has no parts. Errors: InputError. */
function requireDivisible(options: CheckCommandOptions): void {
  const { preemptions, exact, liveness, resume, shard } = options;
  if (resume === undefined && shard === undefined) return;
  if (preemptions === undefined && exact !== true && liveness !== true) return;
  const name = resume === undefined ? '--shard' : '--resume';
  throw new InputError(`${name} cannot be with --preemptions, --exact or --liveness`);
}

function toSubject(
  { wasm, sourceMap }: Program,
  options: CheckCommandOptions,
  args: readonly string[],
): Subject & { readonly wasm: Uint8Array<ArrayBuffer>; readonly options: CheckOptions } {
  const { cpus, signals, threads, memoryLimit, liveness, exact, abi } = options;
  const given: CheckOptions = {
    cpus,
    threads,
    memoryLimit,
    args,
    reductions: reductionsOf(options),
    ...(abi !== undefined && { abi }),
    ...(signals !== undefined && { signals: signals === true ? 1 : signals }),
    ...(liveness === true && { liveness }),
    ...(exact === true && { exact }),
    ...limitsOf(options),
    ...(options.stdin !== undefined && { stdin: readBytes(options.stdin) }),
    ...(sourceMap !== undefined && { sourceMap }),
  };
  return {
    wasm,
    options: given,
    shard: options.shard && `${options.shard.index}/${options.shard.count}`,
  };
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

/**
 * What a search takes for granted it learns from what it sees. Shards see different things, and would divide
 * different searches: their parts would not make a whole.
 */
function reductionsOf({ shard, without = [] }: CheckCommandOptions): Reductions {
  if (shard !== undefined)
    return { local: false, switches: false, restarts: false, symmetry: false };
  return Object.fromEntries(without.map((name) => [name, false]));
}

async function checkProgram(
  program: Program,
  options: CheckCommandOptions,
  subject: Subject & { readonly wasm: Uint8Array<ArrayBuffer> },
): Promise<ParallelResult> {
  const status = new StatusLine(process.stderr, () => performance.now());
  const coordinator = new Coordinator({
    wasm: subject.wasm,
    map: program.map,
    options: subject.options,
    workers: options.workers ?? availableParallelism(),
    shard: options.shard,
    resume: options.resume === undefined ? undefined : readCheckpoint(options.resume, subject),
    onProgress: (progress) => status.show(describe(progress)),
  });
  const interrupt = (): void => coordinator.interrupt();
  process.once('SIGINT', interrupt);
  try {
    return await coordinator.check();
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
export function formatJson(result: CheckResult): string {
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
