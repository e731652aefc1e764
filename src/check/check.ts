// The checker: a program under every interleaving, and what came of it.
//
//   const result = await check(wasm, { cpus: 2 });
//   if (result.verdict === 'violated') console.log(result.failure.message, result.schedule);

import type { AbiName } from '../abi/code-map.js';
import { type HostOptions, loadModules, type WasmSource } from '../host/host.js';
import type { GuestModule } from '../host/loader.js';
import { MAX_CHECKED_CPUS } from './action.js';
import { type Coverage, CoverageCounter } from './coverage.js';
import { type Counterexample, type CounterexampleStep, replayPath } from './counterexample.js';
import { DepthFirstSearch } from './depth-first.js';
import { CheckError } from './errors.js';
import { Executor } from './executor.js';
import { type Limits, NO_LIMITS, type Progress, Watch } from './limits.js';
import { ShortestSearch, type Violation } from './shortest.js';
import { Space, type Successor } from './space.js';
import { type Terminal, Transitions } from './transitions.js';
import { ExactStates, Fingerprints, type Visited } from './visited.js';

/** Each on unless switched off; the verdict is the same without, and takes longer. */
export interface Reductions {
  /** Do not stop before steps that only the thread itself can notice. */
  readonly local?: boolean;
  /** Who had a CPU last makes no difference outside sections. */
  readonly switches?: boolean;
  /** What a thread had got in a section that it has to begin again makes no difference. */
  readonly restarts?: boolean;
}

export interface CheckOptions {
  /** Virtual CPUs, 1 to 32; 2 unless given. */
  readonly cpus?: number;
  /** As for a host. */
  readonly abi?: AbiName | readonly AbiName[];
  /** Signals that each thread may get at any point, of those it has handlers for; 0 unless given. */
  readonly signals?: number;
  /** Most preemptions of a run; unbounded unless given. */
  readonly preemptions?: number;
  readonly maxStates?: number;
  readonly maxSeconds?: number;
  /** Bytes. */
  readonly maxMemory?: number;
  /** Most steps of a run. */
  readonly depth?: number;
  /** Keep the states themselves, not fingerprints of 64 bits. */
  readonly exact?: boolean;
  readonly reductions?: Reductions;
  /** Worker threads the program is told to start; 2 unless given. */
  readonly threads?: number;
  readonly args?: readonly string[];
  readonly stdin?: Uint8Array;
  /** Pages of 64 KiB the guest may have; 1024 unless given. */
  readonly memoryLimit?: number;
  readonly sourceMap?: string;
  /** Called now and then; false stops the search. */
  readonly onProgress?: (progress: Progress) => boolean | void;
}

export type Verdict = 'proven' | 'violated' | 'incomplete';

export interface CheckFailure {
  readonly kind: Terminal['kind'];
  readonly message: string;
  readonly place: string;
  readonly tid: number;
}

export interface CheckResult {
  readonly verdict: Verdict;
  /** Why it is incomplete. */
  readonly reason: string | undefined;
  readonly states: number;
  readonly transitions: number;
  readonly seconds: number;
  readonly coverage: Coverage;
  readonly failure: CheckFailure | undefined;
  /** Of the shortest run that fails, for `schedule` of a host and for `replay`. */
  readonly schedule: string | undefined;
  readonly preemptions: number | undefined;
  readonly steps: readonly CounterexampleStep[] | undefined;
  /** Fingerprints of what memory held when the process ended, in order. */
  readonly finalStates: readonly string[];
}

/** Most pages that addresses which are kept in signed words allow. */
const MOST_PAGES = 32767;

/** Enough to tell an event from none; each is a state of its own. */
const EVENT_COUNTS = 4;

/**
 * Explore every interleaving of a program that was instrumented with instruction metering.
 * Errors: CheckError, OptionError, ModuleError.
 */
export async function check(program: WasmSource, options: CheckOptions = {}): Promise<CheckResult> {
  const hostOptions = toHostOptions(program, options);
  const modules = await loadModules(program);
  return checkLoaded(modules, hostOptions, options);
}

export function checkLoaded(
  modules: readonly GuestModule[],
  hostOptions: HostOptions,
  options: CheckOptions,
): CheckResult {
  requireInstructionMetering(modules);
  return new Checker(modules, hostOptions, options).check();
}

function requireInstructionMetering(modules: readonly GuestModule[]): void {
  for (const { map } of modules) {
    if (map.metering === 'instruction') continue;
    throw new CheckError(
      `module was built with --metering ${map.metering}; to be checked it needs --metering instruction`,
    );
  }
}

/** The machine that a program is checked on. Errors: CheckError. */
export function toHostOptions(program: WasmSource, options: CheckOptions): HostOptions {
  const { abi, args, stdin, sourceMap } = options;
  return {
    wasm: program,
    cpus: integer('cpus', options.cpus ?? 2, 1, MAX_CHECKED_CPUS),
    threads: integer('threads', options.threads ?? 2, 1, 1024),
    memoryLimit: integer('memoryLimit', options.memoryLimit ?? 1024, 1, MOST_PAGES),
    fuelLimit: Number.MAX_SAFE_INTEGER,
    time: 'events',
    eventCounts: EVENT_COUNTS,
    ...(abi !== undefined && { abi }),
    ...(args !== undefined && { args }),
    ...(stdin !== undefined && { stdin }),
    ...(sourceMap !== undefined && { sourceMap }),
  };
}

function integer(option: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new CheckError(`${option} ${value} must be an integer from ${least} to ${most}`);
}

function limitsOf(options: CheckOptions): Limits {
  const positive = (name: 'maxStates' | 'maxSeconds' | 'maxMemory' | 'depth'): number => {
    const value = options[name] ?? NO_LIMITS[name];
    if (typeof value === 'number' && value > 0) return value;
    throw new CheckError(`${name} ${value} must be a number above 0`);
  };
  return {
    maxStates: positive('maxStates'),
    maxSeconds: positive('maxSeconds'),
    maxMemory: positive('maxMemory'),
    depth: positive('depth'),
  };
}

class Checker {
  readonly #modules: readonly GuestModule[];
  readonly #hostOptions: HostOptions;
  readonly #options: CheckOptions;
  readonly #watch: Watch;
  readonly #signals: number;
  readonly #bound: number;
  readonly #coverage: CoverageCounter;
  readonly #finalStates = new Set<string>();
  #space!: Space;
  #states = 0;
  #transitions = 0;

  constructor(modules: readonly GuestModule[], hostOptions: HostOptions, options: CheckOptions) {
    this.#modules = modules;
    this.#hostOptions = hostOptions;
    this.#options = options;
    this.#signals = integer('signals', options.signals ?? 0, 0, 64);
    const { preemptions } = options;
    this.#bound =
      preemptions === undefined
        ? Number.POSITIVE_INFINITY
        : integer('preemptions', preemptions, 0, 2 ** 20);
    const onProgress = options.onProgress ?? (() => true);
    this.#watch = new Watch(
      limitsOf(options),
      () => performance.now(),
      (progress) => {
        return onProgress(progress) !== false;
      },
    );
    this.#coverage = new CoverageCounter((modules[0] as GuestModule).map);
    this.#makeSpace(options.reductions?.switches ?? true);
  }

  check(): CheckResult {
    for (;;) {
      this.#begin();
      const { isComplete, isViolated } = this.#search();
      if (isViolated) return this.#violated(this.#shortest());
      const isWhole = this.#isWhole();
      if (this.#watch.reason !== undefined || (isWhole && !isComplete)) {
        return this.#result('incomplete');
      }
      if (isWhole) return this.#result('proven');
    }
  }

  #makeSpace(parks: boolean): void {
    const { reductions = {} } = this.#options;
    const executor = new Executor(
      this.#modules,
      this.#hostOptions,
      parks,
      reductions.restarts ?? true,
    );
    executor.onFuture = (events) => this.#coverage.note(events);
    const transitions = new Transitions(executor, this.#signals > 0);
    const space = new Space(transitions, {
      signals: this.#signals,
      reduceLocal: reductions.local ?? true,
    });
    space.onLeaf = (leaf) => {
      if (leaf.isCovered) return;
      leaf.isCovered = true;
      this.#coverage.note(leaf.events);
    };
    this.#space = space;
  }

  #begin(): void {
    this.#space.locality.begin();
    this.#finalStates.clear();
  }

  /** False when the search has learnt that it took something for granted that is not so. */
  #isWhole(): boolean {
    if (this.#space.isMistaken) {
      const { words } = this.#space.locality;
      this.#makeSpace(false);
      this.#space.locality.add(words);
      return false;
    }
    return !this.#space.locality.hasLearnt;
  }

  #search(): { isComplete: boolean; isViolated: boolean } {
    const initial = this.#space.transitions.initial();
    if (this.#bound !== Number.POSITIVE_INFINITY) return this.#boundedSearch(initial);
    const visited: Visited = this.#options.exact === true ? new ExactStates() : new Fingerprints();
    const search = new DepthFirstSearch(this.#space, visited, this.#watch, this.#onEnd);
    const result = search.run(initial);
    this.#states = visited.size;
    this.#transitions = result.transitions;
    return result;
  }

  #boundedSearch(initial: Int32Array): { isComplete: boolean; isViolated: boolean } {
    const search = new ShortestSearch(this.#space, this.#watch, this.#bound, this.#onEnd);
    const { states, transitions, violation, isComplete } = search.run(initial);
    this.#states = states;
    this.#transitions = transitions;
    return { isComplete, isViolated: violation !== undefined };
  }

  /** The shortest failing run of those that there are for sure. */
  #shortest(): Violation | undefined {
    for (;;) {
      this.#begin();
      const search = new ShortestSearch(this.#space, this.#watch, this.#bound, this.#onEnd);
      const { states, transitions, violation } = search.run(this.#space.transitions.initial());
      this.#states = states;
      this.#transitions = transitions;
      const isWhole = this.#isWhole();
      if (isWhole || this.#watch.reason !== undefined) return violation;
    }
  }

  /** True when the run ended badly. */
  readonly #onEnd = (successor: Successor | undefined): boolean => {
    if (successor === undefined) return true;
    const terminal = successor.leaf.terminal as Terminal;
    if (terminal.isOk) this.#finalStates.add(this.#finalState(successor));
    return !terminal.isOk;
  };

  #finalState({ states }: Successor): string {
    const { memory } = this.#space.transitions.executor;
    const content = states[1] as number;
    return [memory.high(content), memory.low(content)].map(toHex).join('');
  }

  #violated(violation: Violation | undefined): CheckResult {
    if (violation === undefined) return this.#result('incomplete');
    const example = replayPath(this.#modules, this.#hostOptions, violation.path);
    return this.#result('violated', { violation, example });
  }

  #result(
    verdict: Verdict,
    found?: { readonly violation: Violation; readonly example: Counterexample },
  ): CheckResult {
    return {
      verdict,
      reason: verdict === 'incomplete' ? (this.#watch.reason ?? `--depth reached`) : undefined,
      states: this.#states,
      transitions: this.#transitions,
      seconds: this.#watch.seconds,
      coverage: this.#coverage.result(),
      failure: found && toFailure(found.violation.terminal),
      schedule: found?.example.schedule,
      preemptions: found?.violation.preemptions,
      steps: found?.example.steps,
      finalStates: [...this.#finalStates].sort(),
    };
  }
}

function toFailure(terminal: Terminal | undefined): CheckFailure {
  if (terminal === undefined) {
    const message = 'deadlock: every thread waits for another';
    return { kind: 'deadlock', message, place: '', tid: 0 };
  }
  const { kind, message, place, tid } = terminal;
  return { kind, message, place, tid };
}

function toHex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}
