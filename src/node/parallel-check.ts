// A check on many threads, or a part of one: what it is asked for, and what it answers.

import { availableParallelism } from 'node:os';
import { CheckError } from '../check/errors.js';
import {
  CHECK_OPTIONS,
  type CheckOptions,
  type CheckResult,
  integer,
  requireNames,
  requireOptions,
  toHostOptions,
} from '../check/options.js';
import type { Path } from '../check/depth-first.js';
import type { Knowledge, Seen } from '../check/session.js';
import { textOf } from '../host/errors.js';
import { loadModule } from '../host/loader.js';
import type { Names } from '../host/option-names.js';
import { Coordinator } from './coordinator.js';
import type { Program } from './program.js';

/** Part `index` of `count`, from 1 to 1024: a program is proven when each part is. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export interface ParallelCheckOptions extends CheckOptions {
  /** Threads, at most: one alone begins, the others come when there is enough to do. One a core unless given. */
  readonly workers?: number;
  /** Check only this part. No reduction is on then: what they learn in one part does not hold in another. */
  readonly shard?: Shard;
  /** Go on where an earlier check of the same program with the same options was stopped. */
  readonly resume?: Checkpoint;
}

/** Where a check was stopped: enough to go on. */
export interface Checkpoint {
  readonly knowledge: Knowledge;
  readonly frontier: readonly Path[];
  /** Fingerprints of the states that have been looked at, two words each. */
  readonly fingerprints: Int32Array;
  readonly states: number;
  readonly transitions: number;
  readonly seen: Seen;
  /** A run was longer than --depth. */
  readonly isCut: boolean;
}

export interface ParallelResult {
  readonly result: CheckResult;
  /** Set when it was stopped and can go on. */
  readonly checkpoint: Checkpoint | undefined;
}

export const MAX_WORKERS = 256;
export const MAX_SHARDS = 1024;
const PARALLEL_OPTIONS: Names<ParallelCheckOptions> = {
  ...CHECK_OPTIONS,
  workers: true,
  shard: true,
  resume: true,
};
const SHARD: Names<Shard> = { index: true, count: true };
const CHECKPOINT: readonly (keyof Checkpoint)[] = [
  'knowledge',
  'frontier',
  'fingerprints',
  'states',
  'transitions',
  'seen',
  'isCut',
];
const NO_REDUCTIONS = { local: false, switches: false, restarts: false, symmetry: false };

/**
 * As check, on worker threads. Preemptions, exact and liveness are searched on one.
 * Errors: CheckError, OptionError, ModuleError.
 */
export async function checkInParallel(
  { wasm, sourceMap }: Program,
  options: ParallelCheckOptions = {},
): Promise<ParallelResult> {
  requireOptions(options, PARALLEL_OPTIONS);
  const { workers = Math.min(availableParallelism(), MAX_WORKERS), shard, resume } = options;
  integer('workers', workers, 1, MAX_WORKERS);
  toHostOptions(wasm, options);
  requireDivisible(options);
  if (shard !== undefined) requirePart(shard);
  if (resume !== undefined) requireCheckpoint(resume);
  const { map } = await loadModule(wasm);
  return new Coordinator(wasm, map, {
    ...options,
    ...(sourceMap !== undefined && { sourceMap }),
    ...(shard !== undefined && { reductions: NO_REDUCTIONS }),
    workers,
  }).check();
}

/** The searches of these options go through states in an order that has no parts. Errors: CheckError. */
export function requireDivisible(options: {
  readonly preemptions?: unknown;
  readonly exact?: boolean;
  readonly liveness?: boolean;
  readonly resume?: unknown;
  readonly shard?: unknown;
}): void {
  const { preemptions, exact, liveness, resume, shard } = options;
  if (resume === undefined && shard === undefined) return;
  if (preemptions === undefined && exact !== true && liveness !== true) return;
  const name = resume === undefined ? '--shard' : '--resume';
  throw new CheckError(`${name} cannot be with --preemptions, --exact or --liveness`);
}

function requirePart(shard: Shard): void {
  requireNames(shard, SHARD, 'shard');
  const { index, count } = shard;
  integer('shard count', count, 1, MAX_SHARDS);
  integer('shard index', index, 1, count);
}

function requireCheckpoint(resume: unknown): void {
  if (typeof resume !== 'object' || resume === null) {
    throw new CheckError(`resume ${textOf(resume)} must be an object`);
  }
  for (const name of CHECKPOINT) {
    if (name in resume) continue;
    throw new CheckError(`resume.${name} undefined must be what a check was stopped with`);
  }
}
