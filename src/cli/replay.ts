// wasm-rseq replay: a recorded run again, slice by slice.

import type { Command } from 'commander';
import { execute } from './execution.js';
import { GUEST_FAILURE, type Invocation, SUCCESS } from './invocation.js';
import {
  addCompileOptions,
  addMachineOptions,
  addRecordOptions,
  type CompileOptions,
  type MachineOptions,
  type RecordOptions,
} from './options.js';
import { prepareProgram } from './program.js';
import { report } from './report.js';
import { readSchedule } from './schedule-argument.js';

interface ReplayOptions extends CompileOptions, MachineOptions, RecordOptions {
  readonly schedule: string;
}

const EXAMPLES = `
The schedule says which thread ran where and for how long; the program, --cpus, --threads, --seed if
it calls getrandom, --stdin and the arguments must be those of the recorded run.

Examples:
  wasm-rseq run main.ts --json > failure.json; wasm-rseq replay main.ts --schedule failure.json
  wasm-rseq replay main.ts --schedule @failure.txt --trace out.json
  wasm-rseq replay main.ts --cpus 2 --schedule - < failure.txt`;

export function addReplay(program: Command, invocation: Invocation): void {
  const command = program
    .command('replay')
    .description('repeat a recorded run')
    .usage('[options] FILE --schedule SCHEDULE [-- ARGUMENTS...]')
    .argument('<file>', 'program: .ts, compiled first, or .wasm as `build` made it')
    .requiredOption(
      '--schedule <schedule>',
      'TEXT, @FILE, FILE.json as `run --json` printed it, or - for standard input',
    );
  addMachineOptions(command);
  addRecordOptions(command);
  addCompileOptions(command);
  command.addHelpText('after', EXAMPLES);
  command.action(async (file: string, options: ReplayOptions) => {
    invocation.exitCode = await replay(file, options, invocation.guestArguments);
  });
}

async function replay(
  file: string,
  options: ReplayOptions,
  guestArguments: readonly string[],
): Promise<number> {
  const schedule = readSchedule(options.schedule);
  const program = await prepareProgram(file, options);
  const result = await execute({ file, program, options, guestArguments, choices: { schedule } });
  if (result.schedule !== schedule) {
    process.stderr.write('wasm-rseq: the program ended before the schedule did\n');
  }
  report(result, options, undefined);
  return result.ok ? SUCCESS : GUEST_FAILURE;
}
