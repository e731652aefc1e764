// The options that several commands share: what they are called, what they may be, what they mean.

import { type Command, Option } from 'commander';
import { ABI_NAMES, type AbiName, type Metering } from '../abi/code-map.js';
import type { SchedulerName } from '../host/host.js';
import { MAX_CHECKED_CPUS } from '../check/action.js';
import { MAX_CPUS } from '../kernel/cpu-set.js';
import { type Runtime, RUNTIMES } from '../toolchain/compile.js';
import { InputError } from '../node/files.js';
import { MAX_SHARDS, MAX_WORKERS, type Shard } from '../node/parallel-check.js';

/** How a .ts file is compiled. */
export interface CompileOptions {
  /** The first is what a .ts file is compiled for; the kernel speaks all. */
  readonly abi?: readonly AbiName[];
  readonly metering?: Metering;
  readonly optimize?: number;
  readonly runtime?: Runtime;
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

/** How a program is checked. */
export interface CheckCommandOptions extends CompileOptions {
  readonly cpus: number;
  readonly threads: number;
  readonly memoryLimit: number;
  /** true: one. */
  readonly signals?: number | true;
  readonly preemptions?: number;
  readonly maxStates?: number;
  readonly maxSeconds?: number;
  /** MiB. */
  readonly maxMemory?: number;
  readonly depth?: number;
  readonly liveness?: boolean;
  readonly exact?: boolean;
  /** What is switched off. */
  readonly without?: readonly string[];
  readonly workers?: number;
  readonly shard?: Shard;
  readonly resume?: string;
  readonly checkpoint?: string;
  readonly lint: boolean;
  readonly stdin?: string;
  readonly trace?: string;
  readonly json?: boolean;
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
    .addOption(runtimeOption())
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

const REDUCTIONS = ['local', 'switches', 'restarts', 'symmetry'];
const MOST = Number.MAX_SAFE_INTEGER;

export function addCheckOptions(command: Command): void {
  command
    .addOption(integer('--cpus <count>', 'virtual CPUs', 1, MAX_CHECKED_CPUS).default(2))
    .addOption(integer('--threads <count>', 'worker threads for the program', 1, 1024).default(2))
    .addOption(
      integer('--signals [count]', 'deliver signals that have handlers, to a thread', 0, 64),
    )
    .addOption(integer('--preemptions <count>', 'at most so many in a run', 0, 2 ** 20))
    .addOption(integer('--max-states <count>', 'stop after so many states', 1, MOST))
    .addOption(integer('--max-seconds <seconds>', 'stop after so long', 1, MOST))
    .addOption(integer('--max-memory <MiB>', 'stop when it takes so much', 1, 2 ** 20))
    .addOption(integer('--depth <steps>', 'longest run', 1, MOST))
    .option('--liveness', 'also look for threads that go on for ever and never commit')
    .option('--exact', 'keep states, not fingerprints of 64 bits')
    .addOption(list('--without <names>', 'reductions to search without', REDUCTIONS))
    .addOption(
      integer('--workers <count>', 'threads of this command (default: one a core)', 1, MAX_WORKERS),
    )
    .addOption(shardOption())
    .option('--resume <file>', 'go on where a check was stopped')
    .option('--checkpoint <file>', 'where to write that (default: FILE.checkpoint)')
    .option('--no-lint', 'do not look for mistakes that can be seen in the source')
    .addOption(
      integer('--memory-limit <pages>', 'guest memory, 64 KiB a page', 1, 32767).default(1024),
    )
    .option('--stdin <file>', 'what the program reads from descriptor 0; - is standard input')
    .option('--trace <file>', 'write a Chrome trace of the run that fails')
    .option('--json', 'print the result as one line of JSON');
}

/** i/n, from 1. Errors: InputError. */
function shardOption(): Option {
  const option = new Option('--shard <i/n>', 'the i-th of n parts of the search');
  return option.argParser((text: string) => {
    const [, first = '', second = ''] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
    const index = Number(first);
    const count = Number(second);
    if (index >= 1 && index <= count && count <= MAX_SHARDS) return { index, count };
    throw unfit(option, text, 'i/n with i from 1 to n, as 1/4');
  });
}

/** Names with commas between them. Errors: InputError. */
function list(flags: string, description: string, names: readonly string[]): Option {
  const option = new Option(flags, `${description}: ${names.join(', ')}`);
  return option.argParser((text: string) => {
    const chosen = text.split(',');
    for (const name of chosen)
      if (!names.includes(name)) throw unfit(option, name, names.join(' or '));
    return chosen;
  });
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

/** Of whatever compiles a .ts file. */
export function runtimeOption(): Option {
  return choice(
    '--runtime <name>',
    'memory of a .ts file, percpu if it imports percpu/malloc, else stub',
    RUNTIMES,
  );
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
