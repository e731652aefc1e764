// The embedder's API: a module and options in, a result out.
//
//   const host = await createHost({ wasm, cpus: 4 });
//   const result = host.run();

import { type CodeMap, formatPlace, pointAt, sectionAt } from '../abi/code-map.js';
import { Signal } from '../abi/signal.js';
import type { OutputListener } from '../kernel/console.js';
import { MAX_CPUS } from '../kernel/cpu-set.js';
import { Kernel, type Outcome } from '../kernel/kernel.js';
import type { Counts } from '../kernel/trace.js';
import { TurnerPersonality } from '../kernel/rseq/turner.js';
import type { Scheduler } from '../kernel/scheduler.js';
import { RandomScheduler } from '../kernel/schedulers/random.js';
import { ReplayScheduler } from '../kernel/schedulers/replay.js';
import { RoundRobinScheduler } from '../kernel/schedulers/round-robin.js';
import { Schedule } from '../kernel/schedule.js';
import { type Observer, TraceHash } from '../kernel/trace.js';
import { OptionError } from './errors.js';
import { type Guest, instantiate, loadModule } from './loader.js';

export type SchedulerName = 'random' | 'round-robin';

export interface HostOptions {
  /** An instrumented module: bytes, or compiled. Only bytes are searched for a start function. */
  readonly wasm: BufferSource | WebAssembly.Module;
  /** Virtual CPUs, 1 to 256; 1 unless given. */
  readonly cpus?: number;
  /** Worker threads the program is told to start, through sysconf; 4 unless given. */
  readonly threads?: number;
  /** Fuel of a slice: exact for round-robin, the mean for random. 1000 unless given. */
  readonly quantum?: number;
  /** Seed of the random scheduler, a 32-bit integer; 1 unless given. */
  readonly seed?: number;
  /** 'random' unless given. */
  readonly scheduler?: SchedulerName | Scheduler;
  /** Repeat the schedule of an earlier result; scheduler, quantum and seed are then not used. */
  readonly schedule?: string;
  /** Instructions the run may execute; 10^10 unless given. */
  readonly fuelLimit?: number;
  /** Pages of 64 KiB the guest may have; 4096 (256 MiB) unless given. */
  readonly memoryLimit?: number;
  /** Threads alive at once; 65536 unless given. */
  readonly threadLimit?: number;
  /** What the program reads from descriptor 0. */
  readonly stdin?: Uint8Array;
  readonly args?: readonly string[];
  /** Called with what the program writes to descriptors 1 and 2. */
  readonly onOutput?: OutputListener;
  readonly observers?: readonly Observer[];
  /** Source map of the module, JSON, so that a trap names file and line. */
  readonly sourceMap?: string;
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
  /** 64 bits over every event of the run, 16 hexadecimal digits. */
  readonly traceHash: string;
  /** Every choice of the run; give it back as `schedule` to repeat the run. */
  readonly schedule: string;
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
  readonly map: CodeMap;
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
  const cpus = integer('cpus', options.cpus, 1, 1, MAX_CPUS);
  const threads = integer('threads', options.threads, 4, 1, 2 ** 31 - 1);
  const fuelLimit = integer('fuelLimit', options.fuelLimit, 1e10, 1, Number.MAX_SAFE_INTEGER);
  const memoryLimit = integer('memoryLimit', options.memoryLimit, 4096, 1, 65536 - 4);
  const threadLimit = integer('threadLimit', options.threadLimit, 65536, 1, 2 ** 24);
  requireHooks(options);
  const scheduler = createScheduler(options);
  const guest = instantiate(await loadModule(options.wasm), memoryLimit, options.sourceMap);
  const hash = new TraceHash();
  const kernel = new Kernel({
    machine: guest.machine,
    memory: guest.memory,
    scheduler,
    personality: new TurnerPersonality(),
    cpus,
    fuelLimit,
    threadLimit,
    observers: [hash, ...(options.observers ?? [])],
    stdin: options.stdin ?? new Uint8Array(),
    onOutput: options.onOutput ?? (() => {}),
    boot: { threads, args: (options.args ?? []).map((text) => new TextEncoder().encode(text)) },
  });
  const { map, memory } = guest;
  let hasRun = false;
  const run: Host['run'] = (onProgress) => {
    if (hasRun) throw new Error('a host runs its program once; create another');
    hasRun = true;
    return toResult(guest, kernel.run(onProgress), hash);
  };
  return { map, kernel, memory, run };
}

/** Errors: OptionError for something to call that cannot be called, or an argument that is no text. */
function requireHooks({
  onOutput,
  observers = [],
  args = [],
  scheduler,
  stdin,
}: HostOptions): void {
  if (onOutput !== undefined && typeof onOutput !== 'function') {
    throw new OptionError('onOutput', onOutput, 'is not a function');
  }
  if (stdin !== undefined && !(stdin instanceof Uint8Array)) {
    throw new OptionError('stdin', stdin, 'is not a Uint8Array');
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

function createScheduler(options: HostOptions): Scheduler {
  if (options.schedule !== undefined) return new ReplayScheduler(Schedule.parse(options.schedule));
  const quantum = integer('quantum', options.quantum, 1000, 1, 2 ** 29);
  const seed = integer('seed', options.seed, 1, -(2 ** 31), 2 ** 32 - 1);
  const scheduler = options.scheduler ?? 'random';
  if (typeof scheduler === 'object') return scheduler;
  if (scheduler === 'random') return new RandomScheduler(quantum, seed | 0);
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
  const { preemptions, restarts, migrations, signals, fuel } = counts;
  return {
    ok: outcome.reason === 'exited' && exitStatus === 0,
    exitCode: exitStatus ?? null,
    failure: describeFailure(guest.map, outcome),
    preemptions,
    restarts,
    migrations,
    signals,
    sectionsEntered: guest.sectionsEntered() ?? null,
    fuel,
    traceHash: hash.digest(),
    // Long, and not always wanted.
    get schedule() {
      return schedule.toString();
    },
  };
}

function describeFailure(map: CodeMap, outcome: Outcome): GuestFailure | undefined {
  const { reason, exitStatus, death, last } = outcome;
  const place = formatPlace(pointAt(map, last.ip));
  const failure = { signal: undefined, tid: last.tid, place };
  if (reason === 'exited') {
    if (exitStatus === 0) return undefined;
    return { ...failure, kind: 'exit', message: `program exited with ${exitStatus}` };
  }
  if (reason === 'deadlock') {
    return { ...failure, kind: 'deadlock', message: 'deadlock: every thread waits for another' };
  }
  if (reason === 'fuel-limit') {
    return { ...failure, kind: 'fuel-limit', message: describeFuelLimit(map, outcome, place) };
  }
  const { signal = 0, message = '', tid = 0 } = death ?? {};
  const at = death?.place || formatPlace(pointAt(map, death?.ip ?? 0));
  const name = Signal[signal] ?? `signal ${signal}`;
  const text = `thread ${tid} killed by ${name} in ${at}: ${message}`;
  return { kind: 'signal', signal: name, tid, place: at, message: text };
}

function describeFuelLimit(map: CodeMap, { starvation, counts }: Outcome, place: string): string {
  const limit = `fuel limit reached after ${counts.fuel} instructions`;
  const section = starvation && sectionAt(map, starvation.ip);
  if (section === undefined || starvation === undefined) return `${limit}, in ${place}`;
  const { restarts, largestSlice } = starvation;
  const where = formatPlace(pointAt(map, section.start));
  const needed =
    largestSlice <= section.fuel
      ? `it needs a quantum above ${section.fuel}`
      : `a turn without its loops takes ${section.fuel}; if it never commits, it needs a longer quantum`;
  return (
    `${limit}: the section in ${where} restarted ${restarts} times in a row in slices ` +
    `of at most ${largestSlice}; ${needed}`
  );
}
