// A command line that a user can paste into a shell, to do again what was done.

import {
  type CompileOptions,
  DEFAULTS,
  type MachineOptions,
  type SchedulerOptions,
} from './options.js';

export type Repeated = CompileOptions & MachineOptions;

/** `wasm-rseq run` with everything that decides what the run does. */
export function runCommandLine(
  file: string,
  options: Repeated & SchedulerOptions,
  guestArguments: readonly string[],
): string {
  const { quantum, scheduler } = options;
  return commandLine('run', file, options, guestArguments, [
    '--quantum',
    String(quantum),
    ...unlessDefault('--scheduler', scheduler, DEFAULTS.scheduler),
  ]);
}

/** `wasm-rseq replay` of the schedule in a file. */
export function replayCommandLine(
  file: string,
  options: Repeated,
  guestArguments: readonly string[],
  scheduleFile: string,
): string {
  return commandLine('replay', file, options, guestArguments, ['--schedule', `@${scheduleFile}`]);
}

function commandLine(
  command: string,
  file: string,
  options: Repeated,
  guestArguments: readonly string[],
  choices: readonly string[],
): string {
  const { cpus, threads, seed, fuelLimit, memoryLimit, stdin } = options;
  const { abi, metering, optimize, runtime } = options;
  const words = [
    'wasm-rseq',
    command,
    file,
    '--cpus',
    String(cpus),
    '--threads',
    String(threads),
    ...choices,
    '--seed',
    String(seed),
    ...unlessDefault('--fuel-limit', fuelLimit, DEFAULTS.fuelLimit),
    ...unlessDefault('--memory-limit', memoryLimit, DEFAULTS.memoryLimit),
    ...unlessDefault('--abi', abi?.join(), undefined),
    ...(options.rseqDebug === true ? ['--rseq-debug'] : []),
    ...unlessDefault('--metering', metering, undefined),
    ...unlessDefault('--optimize', optimize, undefined),
    ...unlessDefault('--runtime', runtime, undefined),
    ...unlessDefault('--stdin', stdin, undefined),
    ...(guestArguments.length === 0 ? [] : ['--', ...guestArguments]),
  ];
  return words.map(quote).join(' ');
}

function unlessDefault(option: string, value: unknown, byDefault: unknown): string[] {
  return value === byDefault ? [] : [option, String(value)];
}

/** One word of a POSIX shell. */
function quote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
