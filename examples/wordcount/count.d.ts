import type { HostOptions, Result } from '../../src/host/index.js';
import type { CompiledProgram } from '../../src/toolchain/index.js';

export interface Way {
  readonly name: string;
  readonly file: string;
  readonly isExact: boolean;
}

export type Program = CompiledProgram;

export interface RunOptions extends Pick<HostOptions, 'cpus' | 'threads' | 'quantum' | 'seed'> {
  readonly onProgress?: (counts: { readonly fuel: number }) => void;
}

export interface Count {
  readonly counts: Map<string, number>;
  /** Wall time of host.run(). */
  readonly milliseconds: number;
  readonly result: Result;
}

export interface Comparison {
  /** Words of the input that were not counted. */
  readonly lost: number;
  /** Different words whose count is not right. */
  readonly wrongWords: number;
}

export const WAYS: readonly Way[];
export function compileWay(way: Way): Promise<Program>;
export function countPlainly(input: Uint8Array): Map<string, number>;
export function countOnCpus(
  program: Program,
  input: Uint8Array,
  options: RunOptions,
): Promise<Count>;
export function compare(expected: Map<string, number>, counts: Map<string, number>): Comparison;
export function total(counts: Map<string, number>): number;
