// What a check is asked for, and what it answers.

import type { AbiName } from '../abi/code-map.js';
import type { HostOptions, WasmSource } from '../host/host.js';
import { textOf } from '../host/errors.js';
import { findMisnamed, type Names } from '../host/option-names.js';
import { MAX_CHECKED_CPUS } from './action.js';
import type { CounterexampleStep } from './counterexample.js';
import type { Coverage } from './coverage.js';
import { CheckError } from './errors.js';
import type { Terminal } from './executor.js';
import { type Limits, NO_LIMITS, type Progress } from './limits.js';

/** Each on unless switched off; the verdict is the same without, and takes longer. */
export interface Reductions {
  /** Do not stop before steps that only the thread itself can notice. */
  readonly local?: boolean;
  /** Who had a CPU last makes no difference outside sections. */
  readonly switches?: boolean;
  /** What a thread had got in a section that it has to begin again makes no difference. */
  readonly restarts?: boolean;
  /** Which of several threads that do the same is in which state makes no difference. */
  readonly symmetry?: boolean;
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
  /** Also look for a livelock; a search of its own, which keeps every state. */
  readonly liveness?: boolean;
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
  readonly kind: Terminal['kind'] | 'livelock';
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

export const CHECK_OPTIONS: Names<CheckOptions> = {
  cpus: true,
  abi: true,
  signals: true,
  preemptions: true,
  maxStates: true,
  maxSeconds: true,
  maxMemory: true,
  depth: true,
  liveness: true,
  exact: true,
  reductions: true,
  threads: true,
  args: true,
  stdin: true,
  memoryLimit: true,
  sourceMap: true,
  onProgress: true,
};

const REDUCTIONS: Names<Reductions> = {
  local: true,
  switches: true,
  restarts: true,
  symmetry: true,
};

/** Errors: CheckError for an option that there is not, or one that cannot have its value. */
export function requireOptions(
  options: CheckOptions,
  names: Names<CheckOptions> = CHECK_OPTIONS,
): void {
  requireNames(options, names);
  const { liveness, exact, reductions = {}, onProgress } = options;
  requireNames(reductions, REDUCTIONS, 'reductions');
  for (const [name, value] of Object.entries({ liveness, exact, ...reductions })) {
    if (value !== undefined && typeof value !== 'boolean') {
      throw new CheckError(`${name} ${textOf(value)} must be true or false`);
    }
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new CheckError(`onProgress ${textOf(onProgress)} must be a function`);
  }
  limitsOf(options);
}

/** Errors: CheckError for one that there is not. where: the option that these are in. */
export function requireNames(options: unknown, names: object, where?: string): void {
  const misnamed = findMisnamed(options, names, where);
  if (misnamed === undefined) return;
  throw new CheckError(`${misnamed.option} ${misnamed.value} ${misnamed.rule}`);
}

/** Most pages that addresses which are kept in signed words allow. */
const MOST_PAGES = 32767;

/** Enough to tell an event from none; each is a state of its own. */
const EVENT_COUNTS = 4;

/** The machine that a program is checked on. Errors: CheckError. */
export function toHostOptions(program: WasmSource, options: CheckOptions): HostOptions {
  const { abi, args, stdin, sourceMap } = options;
  return {
    wasm: program,
    cpus: integer('cpus', options.cpus ?? 2, 1, MAX_CHECKED_CPUS),
    threads: integer('threads', options.threads ?? 2, 1, 1024),
    memoryLimit: integer('memoryLimit', options.memoryLimit ?? 1024, 1, MOST_PAGES),
    fuelLimit: Number.MAX_SAFE_INTEGER,
    outputLimit: Number.MAX_SAFE_INTEGER,
    time: 'events',
    eventCounts: EVENT_COUNTS,
    ...(abi !== undefined && { abi }),
    ...(args !== undefined && { args }),
    ...(stdin !== undefined && { stdin }),
    ...(sourceMap !== undefined && { sourceMap }),
  };
}

export function integer(option: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new CheckError(`${option} ${textOf(value)} must be an integer from ${least} to ${most}`);
}

/** Errors: CheckError. */
export function limitsOf(options: CheckOptions): Limits {
  const positive = (name: 'maxStates' | 'maxSeconds' | 'maxMemory' | 'depth'): number => {
    const value = options[name] ?? NO_LIMITS[name];
    if (typeof value === 'number' && value > 0) return value;
    throw new CheckError(`${name} ${textOf(value)} must be a number above 0`);
  };
  return {
    maxStates: positive('maxStates'),
    maxSeconds: positive('maxSeconds'),
    maxMemory: positive('maxMemory'),
    depth: positive('depth'),
  };
}
