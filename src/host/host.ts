// The embedder's API: a module and options in, a result out.
//
//   const host = await createHost({ wasm, cpus: 4 });
//   const result = host.run();

import type { AbiName, CodeMap } from '../abi/code-map.js';
import { Signal } from '../abi/signal.js';
import type { GuestFile, OutputListener } from '../kernel/files.js';
import { MAX_CPUS } from '../kernel/cpu-set.js';
import { Kernel, type Outcome } from '../kernel/kernel.js';
import type { Counts } from '../kernel/trace.js';
import type { Personality } from '../kernel/rseq/personality.js';
import {
  AbiError,
  createPersonality,
  type PersonalityOptions,
} from '../kernel/rseq/personalities.js';
import type { Scheduler } from '../kernel/scheduler.js';
import { RandomScheduler } from '../kernel/schedulers/random.js';
import { ReplayScheduler } from '../kernel/schedulers/replay.js';
import { RoundRobinScheduler } from '../kernel/schedulers/round-robin.js';
import { Schedule, type Timekeeping } from '../kernel/schedule.js';
import type { Memory } from '../kernel/memory.js';
import type { LinearMemory } from './linear-memory.js';
import { type Observer, TraceHash } from '../kernel/trace.js';
import { OptionError } from './errors.js';
import { type Guest, type GuestModule, instantiate, loadModule } from './loader.js';
import { findMisnamed, type Names } from './option-names.js';
import type { ProgramText } from './program-text.js';

/** A module's bytes, or the module compiled. */
export type WasmSource = BufferSource | WebAssembly.Module;

export type SchedulerName = 'random' | 'round-robin';

export interface HostOptions {
  /**
   * An instrumented module: bytes, or compiled. Only bytes are searched for a start function. Several
   * share one memory and one process: the main of each is a thread, the first is the leader.
   */
  readonly wasm: WasmSource | readonly WasmSource[];
  /**
   * What the kernel speaks: one ABI, or a pair of the new (linux, linux-v2) and the old (turner,
   * google). What the first module was compiled for unless given.
   */
  readonly abi?: AbiName | readonly AbiName[];
  /** linux, linux-v2: kill a process for what CONFIG_DEBUG_RSEQ does, such as a call in a section. */
  readonly rseqDebug?: boolean;
  /** event-counter: how many different counts of events there are, from 2; 2^32 unless given. */
  readonly eventCounts?: number;
  /** Virtual CPUs, 1 to 256; 1 unless given. */
  readonly cpus?: number;
  /** Worker threads the program is told to start, through sysconf; 4 unless given. */
  readonly threads?: number;
  /** Fuel of a slice: exact for round-robin, the mean for random. 1000 unless given. */
  readonly quantum?: number;
  /** Seed of the random scheduler and of getrandom, a 32-bit integer; 1 unless given. */
  readonly seed?: number;
  /** 'random' unless given. */
  readonly scheduler?: SchedulerName | Scheduler;
  /** Repeat the schedule of an earlier result; scheduler and quantum are then not used. */
  readonly schedule?: string;
  /** What takes time, unless a schedule says: 'instructions', the default, or only 'events'. */
  readonly time?: Timekeeping;
  /** Units of fuel the run may spend, on instructions and on system calls; 10^10 unless given. */
  readonly fuelLimit?: number;
  /**
   * Pages of 64 KiB the guest may have; 4096 (256 MiB) unless given. The stacks of its threads at rest may
   * take as much again, and 4 MiB.
   */
  readonly memoryLimit?: number;
  /** Threads alive at once; 65536 unless given. */
  readonly threadLimit?: number;
  /** Threads started in all; 2^20 unless given. What each ended with is kept for as long as the run. */
  readonly tidLimit?: number;
  /** Bytes that the program may write; 2^28 (256 MiB) unless given. */
  readonly outputLimit?: number;
  /** What the program reads from descriptor 0. */
  readonly stdin?: Uint8Array;
  /** What the program can open and read, by path. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly args?: readonly string[];
  /** Called with what the program writes to descriptors 1 and 2. */
  readonly onOutput?: OutputListener;
  readonly observers?: readonly Observer[];
  /** Source map of each module, JSON, so that a trap names file and line. */
  readonly sourceMap?: string | readonly (string | undefined)[];
}

export interface Result {
  /** The program's main returned 0. */
  readonly ok: boolean;
  /** What main returned or exit_group got; 128 + signal when the process was killed; null otherwise. */
  readonly exitCode: number | null;
  /** Why not ok. */
  readonly failure: GuestFailure | undefined;
  readonly preemptions: number;
  readonly restarts: number;
  readonly migrations: number;
  readonly signals: number;
  /** Sections entered, restarts included; null in block metering, which does not count them. */
  readonly sectionsEntered: number | null;
  /** Instructions executed. */
  readonly fuel: number;
  /** Units of fuel for what the kernel did besides; the two together are what the limit is for. */
  readonly systemFuel: number;
  /** 64 bits over every event of the run, 16 hexadecimal digits. */
  readonly traceHash: string;
  /**
   * Every choice of the run; give it back as `schedule` to repeat the run. null when it is longer than
   * 64 MiB, some twenty million slices.
   */
  readonly schedule: string | null;
}

export interface GuestFailure {
  readonly kind: 'exit' | 'signal' | 'fuel-limit' | 'deadlock';
  /** Signal name, such as SIGSEGV, for kind 'signal'. */
  readonly signal: string | undefined;
  readonly tid: number;
  /** `function (file:line)`, as far as known. */
  readonly place: string;
  /** All of it in one line. */
  readonly message: string;
}

export interface Host {
  /** Of the first module. */
  readonly map: CodeMap;
  /** What the addresses of all modules mean. */
  readonly text: ProgramText;
  readonly kernel: Kernel;
  /** Guest memory: for reading results out, or writing input in before the run. */
  readonly memory: Guest['memory'];
  /** Run the program to its end; at most once. */
  run(onProgress?: (counts: Readonly<Counts>) => void): Result;
}

/**
 * Load a module and boot a kernel around it. Nothing runs yet.
 * Errors: OptionError, ModuleError, ScheduleError.
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const hash = new TraceHash();
  const { guest, kernel, map } = await boot(options, hash);
  const { text, memory } = guest;
  let hasRun = false;
  const run: Host['run'] = (onProgress) => {
    if (hasRun) throw new Error('a host runs its program once; create another');
    hasRun = true;
    return toResult(guest, kernel.run(onProgress), hash);
  };
  return { map, text, kernel, memory, run };
}

/** What a host is made of. */
export interface Booted {
  readonly guest: Guest;
  readonly kernel: Kernel;
  /** Of the first module. */
  readonly map: CodeMap;
}

/** The parts of a host. Errors: OptionError, ModuleError, ScheduleError. */
async function boot(options: HostOptions, hash: TraceHash): Promise<Booted> {
  // What is wrong with the options is said before the modules are looked at.
  requireNames(options);
  limitsOf(options);
  requireHooks(options);
  createScheduler(options);
  const observers = [hash, ...(options.observers ?? [])];
  const modules = await loadModules(options.wasm);
  return bootLoaded({ ...options, observers }, modules, (memory) => memory);
}

/**
 * The same of modules that are loaded. watch: what the kernel sees of the guest's memory.
 * Errors: OptionError, ModuleError, ScheduleError.
 */
export function bootLoaded(
  options: HostOptions,
  modules: readonly GuestModule[],
  watch: (memory: LinearMemory) => Memory,
): Booted {
  const { threads, memoryLimit, ...limits } = limitsOf(options);
  requireHooks(options);
  const scheduler = createScheduler(options);
  const guest = instantiate(modules, memoryLimit, [options.sourceMap].flat());
  const kernel = new Kernel({
    machine: guest.machine,
    memory: watch(guest.memory),
    scheduler,
    personality: choosePersonality(options, modules, guest),
    ...limits,
    programs: modules.length,
    time:
      options.schedule === undefined
        ? (options.time ?? 'instructions')
        : Schedule.timeOf(options.schedule),
    entropySeed: seedOf(options),
    observers: options.observers ?? [],
    stdin: options.stdin ?? new Uint8Array(),
    files: filesOf(options),
    onOutput: options.onOutput ?? (() => {}),
    boot: { threads, args: (options.args ?? []).map((text) => new TextEncoder().encode(text)) },
  });
  return { guest, kernel, map: (modules[0] as GuestModule).map };
}

function filesOf({ files = {} }: HostOptions): readonly GuestFile[] {
  const encoder = new TextEncoder();
  return Object.entries(files).map(([path, bytes]) => ({ path: encoder.encode(path), bytes }));
}

interface Limits {
  readonly cpus: number;
  readonly threads: number;
  readonly fuelLimit: number;
  readonly memoryLimit: number;
  readonly threadLimit: number;
  readonly tidLimit: number;
  readonly outputLimit: number;
}

/** Errors: OptionError. */
function limitsOf(options: HostOptions): Limits {
  return {
    cpus: integer('cpus', options.cpus, 1, 1, MAX_CPUS),
    threads: integer('threads', options.threads, 4, 1, 2 ** 31 - 1),
    fuelLimit: integer('fuelLimit', options.fuelLimit, 1e10, 1, Number.MAX_SAFE_INTEGER),
    memoryLimit: integer('memoryLimit', options.memoryLimit, 4096, 1, 65536 - 4),
    threadLimit: integer('threadLimit', options.threadLimit, 65536, 1, 2 ** 24),
    tidLimit: integer('tidLimit', options.tidLimit, 2 ** 20, 1, 2 ** 24),
    outputLimit: integer('outputLimit', options.outputLimit, 2 ** 28, 0, Number.MAX_SAFE_INTEGER),
  };
}

export async function loadModules(wasm: HostOptions['wasm']): Promise<GuestModule[]> {
  const sources = Array.isArray(wasm) ? (wasm as readonly WasmSource[]) : [wasm as WasmSource];
  if (sources.length === 0) throw new OptionError('wasm', '[]', 'must have a module');
  const modules: GuestModule[] = [];
  for (const source of sources) modules.push(await loadModule(source));
  return modules;
}

/** Errors: OptionError when `abi` is no ABI or pair of ABIs, or not what a module was compiled for. */
function choosePersonality(
  { abi, rseqDebug = false, eventCounts }: HostOptions,
  modules: readonly GuestModule[],
  { machine }: Guest,
): Personality {
  const names = abi === undefined ? [(modules[0] as GuestModule).map.abi] : [abi].flat();
  for (const name of names) {
    if (typeof name !== 'string') throw new OptionError('abi', name, 'is not a string');
  }
  const personality = personalityOf(names, {
    loadText: (address) => machine.loadText(address),
    debug: rseqDebug,
    eventCounts: integer('eventCounts', eventCounts, 2 ** 32, 2, 2 ** 32),
  });
  for (const { map } of modules.filter((each) => each.map.sections.length > 0)) {
    if (!names.some((name) => familyOf(name) === familyOf(map.abi))) {
      const rule = `cannot run a module whose sections are compiled for ${map.abi}`;
      throw new OptionError('abi', names.join(','), rule);
    }
  }
  return personality;
}

function personalityOf(names: readonly AbiName[], options: PersonalityOptions): Personality {
  try {
    return createPersonality(names, options);
  } catch (cause) {
    if (!(cause instanceof AbiError)) throw cause;
    throw new OptionError('abi', cause.names.join(','), cause.rule);
  }
}

/** ABIs that take the same sections. */
function familyOf(abi: AbiName): AbiName {
  if (abi === 'google') return 'turner';
  return abi === 'linux-v2' ? 'linux' : abi;
}

function seedOf({ seed }: HostOptions): number {
  return integer('seed', seed, 1, -(2 ** 31), 2 ** 32 - 1) | 0;
}

export const HOST_OPTIONS: Names<HostOptions> = {
  wasm: true,
  abi: true,
  rseqDebug: true,
  eventCounts: true,
  cpus: true,
  threads: true,
  quantum: true,
  seed: true,
  scheduler: true,
  schedule: true,
  time: true,
  fuelLimit: true,
  memoryLimit: true,
  threadLimit: true,
  tidLimit: true,
  outputLimit: true,
  stdin: true,
  files: true,
  args: true,
  onOutput: true,
  observers: true,
  sourceMap: true,
};

/** Errors: OptionError for one that there is not. */
export function requireNames(options: unknown, names: object = HOST_OPTIONS): void {
  const misnamed = findMisnamed(options, names);
  if (misnamed !== undefined) {
    throw new OptionError(misnamed.option, misnamed.value, misnamed.rule);
  }
}

/** Errors: OptionError for something to call that cannot be called, or an argument that is no text. */
function requireHooks({
  onOutput,
  observers = [],
  args = [],
  scheduler,
  stdin,
  files,
  schedule,
  sourceMap,
  rseqDebug,
}: HostOptions): void {
  if (schedule !== undefined && typeof schedule !== 'string') {
    throw new OptionError('schedule', describe(schedule), 'is not a string');
  }
  for (const map of [sourceMap].flat()) {
    if (map !== undefined && typeof map !== 'string') {
      throw new OptionError('sourceMap', describe(map), 'is not a string');
    }
  }
  if (rseqDebug !== undefined && typeof rseqDebug !== 'boolean') {
    throw new OptionError('rseqDebug', describe(rseqDebug), 'is not true or false');
  }
  if (!Array.isArray(args)) throw new OptionError('args', describe(args), 'is not an array');
  if (!Array.isArray(observers)) {
    throw new OptionError('observers', describe(observers), 'is not an array');
  }
  if (onOutput !== undefined && typeof onOutput !== 'function') {
    throw new OptionError('onOutput', onOutput, 'is not a function');
  }
  if (stdin !== undefined && !(stdin instanceof Uint8Array)) {
    throw new OptionError('stdin', stdin, 'is not a Uint8Array');
  }
  for (const [path, bytes] of Object.entries(files ?? {})) {
    if (bytes instanceof Uint8Array) continue;
    throw new OptionError(`files[${JSON.stringify(path)}]`, bytes, 'is not a Uint8Array');
  }
  for (const observer of observers) {
    if (typeof observer?.event !== 'function') {
      throw new OptionError('observers', observer, 'has no method event');
    }
  }
  for (const text of args) {
    if (typeof text !== 'string') throw new OptionError('args', text, 'is not a string');
  }
  if (typeof scheduler === 'object' && typeof scheduler?.pick !== 'function') {
    throw new OptionError('scheduler', scheduler, 'has no method pick');
  }
}

/** A value that may be anything, also one that has no text. */
function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

function createScheduler(options: HostOptions): Scheduler {
  if (options.schedule !== undefined) return new ReplayScheduler(Schedule.parse(options.schedule));
  const quantum = integer('quantum', options.quantum, 1000, 1, 2 ** 29);
  const scheduler = options.scheduler ?? 'random';
  if (typeof scheduler === 'object') return scheduler;
  if (scheduler === 'random') return new RandomScheduler(quantum, seedOf(options));
  if (scheduler === 'round-robin') return new RoundRobinScheduler(quantum);
  throw new OptionError('scheduler', scheduler, 'is neither random nor round-robin');
}

function integer(
  option: string,
  value: number | undefined,
  fallback: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new OptionError(option, value, `must be an integer from ${least} to ${most}`);
}

function toResult(guest: Guest, outcome: Outcome, hash: TraceHash): Result {
  const { counts, exitStatus, schedule } = outcome;
  const { preemptions, restarts, migrations, signals, fuel, systemFuel } = counts;
  return {
    ok: outcome.reason === 'exited' && exitStatus === 0,
    exitCode: exitStatus ?? null,
    failure: describeFailure(guest.text, outcome),
    preemptions,
    restarts,
    migrations,
    signals,
    sectionsEntered: guest.sectionsEntered() ?? null,
    fuel,
    systemFuel,
    traceHash: hash.digest(),
    // Long, and not always wanted.
    get schedule() {
      return schedule.isKept ? schedule.toString() : null;
    },
  };
}

function describeFailure(text: ProgramText, outcome: Outcome): GuestFailure | undefined {
  const { reason, exitStatus, death, last } = outcome;
  const place = text.placeOf(last.ip);
  const failure = { signal: undefined, tid: last.tid, place };
  if (reason === 'exited') {
    if (exitStatus === 0) return undefined;
    return { ...failure, kind: 'exit', message: `program exited with ${exitStatus}` };
  }
  if (reason === 'deadlock') {
    return { ...failure, kind: 'deadlock', message: 'deadlock: every thread waits for another' };
  }
  if (reason === 'fuel-limit') {
    return { ...failure, kind: 'fuel-limit', message: describeFuelLimit(text, outcome, place) };
  }
  const { signal = 0, message = '', tid = 0 } = death ?? {};
  const at = death?.place || text.placeOf(death?.ip ?? 0);
  const name = Signal[signal] ?? `signal ${signal}`;
  const words = `thread ${tid} killed by ${name} in ${at}: ${message}`;
  return { kind: 'signal', signal: name, tid, place: at, message: oneLine(words) };
}

/** What a guest or its source map says may hold line feeds, and worse for a terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
}

function describeFuelLimit(
  text: ProgramText,
  { starvation, counts }: Outcome,
  place: string,
): string {
  const system = counts.systemFuel === 0 ? '' : ` and ${counts.systemFuel} units for system calls`;
  const limit = `fuel limit reached after ${counts.fuel} instructions${system}`;
  const found = starvation && text.sectionAt(starvation.ip);
  if (found === undefined || starvation === undefined) return `${limit}, in ${place}`;
  const { restarts, largestSlice } = starvation;
  const { section, bias } = found;
  const where = text.placeOf(section.start + bias);
  const needed =
    largestSlice <= section.fuel
      ? `it needs a quantum above ${section.fuel}`
      : `a turn without its loops takes ${section.fuel}; if it never commits, it needs a longer quantum`;
  return (
    `${limit}: the section in ${where} restarted ${restarts} times in a row in slices ` +
    `of at most ${largestSlice}; ${needed}`
  );
}
