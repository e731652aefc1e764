// wasm-rseq run: a program on many threads and virtual CPUs, interrupted at any instruction.

import type { Command } from 'commander';
import { replayCommandLine, runCommandLine } from './command-line.js';
import { execute } from './execution.js';
import { InputError, requireWritable, writeFile } from '../node/files.js';
import { GUEST_FAILURE, type Invocation, SUCCESS } from './invocation.js';
import {
  addCompileOptions,
  addMachineOptions,
  addRecordOptions,
  addSchedulerOptions,
  type CompileOptions,
  type MachineOptions,
  type RecordOptions,
  type SchedulerOptions,
} from './options.js';
import { prepareProgram } from './program.js';
import { report } from './report.js';
import { readSchedule } from './schedule-argument.js';

interface RunOptions extends CompileOptions, MachineOptions, SchedulerOptions, RecordOptions {
  readonly schedule?: string;
  readonly saveSchedule?: string;
}

const EXAMPLES = `
Same program, options and seed: same run, interrupt for interrupt. The exit code is 0 when the
program's main returned 0, 1 when it did not or was killed, 2 when it could not be run.

Examples:
  wasm-rseq run main.ts
  wasm-rseq run main.ts --cpus 4 --threads 8 --quantum 61 --seed 1 --trace out.json
  wasm-rseq run main.wasm --json -- first second
  wasm-rseq run main.ts --seed 7 --save-schedule failure.txt`;

export function addRun(program: Command, invocation: Invocation): void {
  const command = program
    .command('run')
    .description('run a program and interrupt it at any instruction')
    .usage('[options] FILE [-- ARGUMENTS...]')
    .argument('<file>', 'program: .ts, compiled first, or .wasm as `build` made it');
  addMachineOptions(command);
  addSchedulerOptions(command);
  addRecordOptions(command);
  command
    .option('--schedule <schedule>', 'repeat a recorded run: TEXT, @FILE, FILE.json or -')
    .option('--save-schedule <file>', 'write the schedule of the run to a file');
  addCompileOptions(command);
  command.addHelpText('after', EXAMPLES);
  command.action(async (file: string, options: RunOptions) => {
    invocation.exitCode = await run(file, options, invocation.guestArguments);
  });
}

async function run(
  file: string,
  options: RunOptions,
  guestArguments: readonly string[],
): Promise<number> {
  const { saveSchedule, quantum, scheduler } = options;
  const schedule = options.schedule === undefined ? undefined : readSchedule(options.schedule);
  const program = await prepareProgram(file, options);
  if (saveSchedule !== undefined) requireWritable(saveSchedule);
  const choices = schedule === undefined ? { quantum, scheduler } : { schedule };
  const result = await execute({ file, program, options, guestArguments, choices });
  if (saveSchedule !== undefined) saveTo(saveSchedule, result.schedule);
  report(result, options, repeatCommand(file, options, guestArguments));
  return result.ok ? SUCCESS : GUEST_FAILURE;
}

/** Errors: InputError when the schedule was too long to be kept. */
function saveTo(file: string, schedule: string | null): void {
  if (schedule === null)
    throw new InputError('the schedule is too long to be kept: use a longer quantum');
  writeFile(file, `${schedule}\n`);
}

/** Undefined when the user has the schedule already. */
function repeatCommand(
  file: string,
  options: RunOptions,
  guestArguments: readonly string[],
): string | undefined {
  const { saveSchedule, schedule } = options;
  if (saveSchedule !== undefined) {
    return replayCommandLine(file, options, guestArguments, saveSchedule);
  }
  return schedule === undefined ? runCommandLine(file, options, guestArguments) : undefined;
}
