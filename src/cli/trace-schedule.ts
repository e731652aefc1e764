// The failing run of a check as a Chrome trace: its schedule, repeated.

import type { CheckOptions } from '../check/options.js';
import { execute } from './execution.js';
import { DEFAULTS } from './options.js';
import type { LoadedProgram } from '../node/program.js';

export async function traceSchedule(
  file: string,
  program: LoadedProgram,
  options: CheckOptions,
  schedule: string,
  trace: string,
): Promise<void> {
  await execute({
    file,
    program,
    options: {
      ...DEFAULTS,
      cpus: options.cpus ?? DEFAULTS.cpus,
      threads: options.threads ?? DEFAULTS.threads,
      ...(options.abi !== undefined && { abi: [options.abi].flat() }),
      trace,
      // The program has its say in the check; here nobody wants to hear it.
      json: true,
    },
    guestArguments: options.args ?? [],
    choices: { schedule },
  });
}
