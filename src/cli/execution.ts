// One run of a program from the command line: its input and output, its trace, its progress.

import type { Host, Result } from '../host/host.js';
import type { Observer } from '../kernel/trace.js';
import { ChromeTrace } from './chrome-trace.js';
import { readBytes, TextFile } from '../node/files.js';
import { createNodeHost, writeOutput } from '../node/host.js';
import type { CompileOptions, MachineOptions, RecordOptions, SchedulerOptions } from './options.js';
import type { LoadedProgram } from '../node/program.js';
import { ProgressLine } from './progress.js';
import { formatCount } from './table.js';

export interface Execution {
  readonly file: string;
  readonly program: LoadedProgram;
  readonly options: CompileOptions & MachineOptions & RecordOptions;
  readonly guestArguments: readonly string[];
  /** Choices to make, or a schedule that has made them. */
  readonly choices: SchedulerOptions | { readonly schedule: string };
}

const STDERR = 2;

/** Run the program to its end. Errors: InputError, ModuleError, ReplayError. */
export async function execute(execution: Execution): Promise<Result> {
  const { trace: path } = execution.options;
  if (path === undefined) return (await boot(execution, [])).run();
  const file = new TextFile(path);
  try {
    return await runTraced(execution, file);
  } finally {
    file.close();
  }
}

async function runTraced(execution: Execution, file: TextFile): Promise<Result> {
  const { program, options } = execution;
  let host: Host | undefined;
  const trace = new ChromeTrace({
    program: execution.file,
    cpus: options.cpus,
    limit: options.traceLimit,
    map: program.map,
    pointOf: (tid) => host?.kernel.process.threads.get(tid)?.point ?? 0,
    write: (text) => file.write(text),
  });
  try {
    const booted = await boot(execution, [trace]);
    host = booted.host;
    return booted.run();
  } finally {
    // Also when the run broke off: how it got there is what a trace is for.
    trace.finish();
    reportDropped(trace.dropped, options.traceLimit);
  }
}

function reportDropped(dropped: number, limit: number): void {
  if (dropped === 0) return;
  process.stderr.write(
    `wasm-rseq: trace is full: ${formatCount(dropped)} events dropped after ${formatCount(limit)}, ` +
      'see --trace-limit\n',
  );
}

interface Booted {
  readonly host: Host;
  run(): Result;
}

async function boot(execution: Execution, observers: readonly Observer[]): Promise<Booted> {
  const { program, options, choices, guestArguments } = execution;
  const progress = new ProgressLine(process.stderr, () => performance.now());
  const host = await createNodeHost(program, {
    cpus: options.cpus,
    threads: options.threads,
    seed: options.seed,
    fuelLimit: options.fuelLimit,
    memoryLimit: options.memoryLimit,
    args: guestArguments,
    observers,
    ...choices,
    ...(options.abi !== undefined && { abi: options.abi }),
    ...(options.rseqDebug === true && { rseqDebug: true }),
    ...(options.stdin !== undefined && { stdin: readBytes(options.stdin) }),
    onOutput: (descriptor, bytes) => {
      progress.clear();
      writeOutput(options.json === true ? STDERR : descriptor, bytes);
    },
  });
  const run = (): Result => {
    try {
      return host.run((counts) => progress.update(counts));
    } finally {
      progress.clear();
    }
  };
  return { host, run };
}
