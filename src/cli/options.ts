// The options that several commands share: what they are called, what they may be, what they mean.

import { type Command, Option } from 'commander';
import { ABI_NAMES, type AbiName, type Metering } from '../abi/code-map.js';
import type { SchedulerName } from '../host/host.js';
import { MAX_CPUS } from '../kernel/cpu-set.js';
import { InputError } from './files.js';

/** How a .ts file is compiled. */
export interface CompileOptions {
  /** The first is what a .ts file is compiled for; the kernel speaks all. */
  readonly abi?: readonly AbiName[];
  readonly metering?: Metering;
  readonly optimize?: number;
  /** Folder for compiled programs; false: none. */
  readonly cache?: string | false;
}

/** The machine a program runs on. */
export interface MachineOptions {
  readonly cpus: number;
  readonly threads: number;
  readonly seed: number;
  readonly fuelLimit: number;
  readonly memoryLimit: number;
  readonly rseqDebug?: boolean;
  readonly stdin?: string;
}

/** Who decides what runs when. */
export interface SchedulerOptions {
  readonly quantum: number;
  readonly scheduler: SchedulerName;
}

/** What is written down of a run. */
export interface RecordOptions {
  readonly json?: boolean;
  readonly trace?: string;
  readonly traceLimit: number;
}

export const DEFAULTS: MachineOptions & SchedulerOptions & RecordOptions = {
  cpus: 4,
  threads: 8,
  quantum: 1000,
  seed: 1,
  scheduler: 'random',
  fuelLimit: 10_000_000_000,
  memoryLimit: 4096,
  traceLimit: 1_000_000,
};

const METERINGS: readonly Metering[] = ['instruction', 'block'];
const SCHEDULERS: readonly SchedulerName[] = ['random', 'round-robin'];

export function addCompileOptions(command: Command): void {
  command
    .addOption(abiOption())
    .addOption(choice('--metering <where>', 'points to interrupt at in a .ts file', METERINGS))
    .addOption(integer('-O, --optimize <level>', 'optimisation of a .ts file, 0 to 3', 0, 3))
    .option('--cache <folder>', 'keep compiled programs here (default: a .cache folder)')
    .option('--no-cache', 'compile anew');
}

export function addMachineOptions(command: Command): void {
  const { cpus, threads, seed, fuelLimit, memoryLimit } = DEFAULTS;
  command
    .addOption(integer('--cpus <count>', 'virtual CPUs', 1, MAX_CPUS).default(cpus))
    .addOption(
      integer('--threads <count>', 'worker threads for the program', 1, 2 ** 31 - 1).default(
        threads,
      ),
    )
    .addOption(
      integer('--fuel-limit <fuel>', 'instructions to run', 1, Number.MAX_SAFE_INTEGER).default(
        fuelLimit,
      ),
    )
    .addOption(
      integer('--memory-limit <pages>', 'guest memory, 64 KiB a page', 1, 65532).default(
        memoryLimit,
      ),
    )
    .addOption(
      integer(
        '--seed <number>',
        'of the random scheduler and getrandom',
        -(2 ** 31),
        2 ** 32 - 1,
      ).default(seed),
    )
    .option('--rseq-debug', 'linux, linux-v2: kill what CONFIG_DEBUG_RSEQ kills')
    .option('--stdin <file>', 'what the program reads from descriptor 0; - is standard input');
}

export function addSchedulerOptions(command: Command): void {
  const { quantum, scheduler } = DEFAULTS;
  command
    .addOption(integer('--quantum <fuel>', 'instructions in a slice', 1, 2 ** 29).default(quantum))
    .addOption(
      choice('--scheduler <name>', 'who picks the next slice', SCHEDULERS).default(scheduler),
    );
}

export function addRecordOptions(command: Command): void {
  command
    .option('--trace <file>', 'write a Chrome trace, for ui.perfetto.dev or speedscope')
    .addOption(
      integer('--trace-limit <events>', 'events to keep', 0, Number.MAX_SAFE_INTEGER).default(
        DEFAULTS.traceLimit,
      ),
    )
    .option('--json', 'print the result as one line of JSON; program output goes to stderr');
}

/** A decimal integer, also as 1e9. Errors: InputError with option, value and rule. */
function integer(flags: string, description: string, least: number, most: number): Option {
  const option = new Option(flags, description);
  return option.argParser((text: string) => {
    const value = /^[+-]?\d+(e\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw unfit(option, text, `an integer from ${least} to ${most}`);
  });
}

/** Names of ABIs, with commas between them. Errors: InputError with option, value and rule. */
function abiOption(): Option {
  const names: readonly string[] = ABI_NAMES;
  const option = new Option('--abi <names>', `what sections are: ${names.join(', ')}; or a pair`);
  return option.argParser((text: string) => {
    const chosen = text.split(',');
    for (const name of chosen) {
      if (!names.includes(name)) throw unfit(option, name, names.join(' or '));
    }
    return chosen;
  });
}

/** One of `names`. Errors: InputError with option, value and rule. */
function choice(flags: string, description: string, names: readonly string[]): Option {
  const option = new Option(flags, `${description}: ${names.join(', ')}`);
  return option.argParser((text: string) => {
    if (names.includes(text)) return text;
    throw unfit(option, text, names.join(' or '));
  });
}

function unfit(option: Option, text: string, rule: string): InputError {
  const value = text === '' ? '""' : text;
  return new InputError(`${option.long} ${value} must be ${rule}`);
}
