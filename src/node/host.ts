// A host that is a process of its own to its program: files, standard output and standard error are Node's.

import {
  createHost,
  type Host,
  HOST_OPTIONS,
  type HostOptions,
  requireNames,
} from '../host/host.js';
import { readFiles } from './files.js';
import type { Program } from './program.js';

const STDERR = 2;

export type NodeHostOptions = Omit<HostOptions, 'wasm' | 'sourceMap'>;

const { wasm: _wasm, sourceMap: _sourceMap, ...NODE_HOST_OPTIONS } = HOST_OPTIONS;

/**
 * As createHost. Unless options say otherwise, the program can read the files that `args` name, and what it
 * writes goes to process.stdout and process.stderr.
 * Errors: InputError when a file cannot be read, OptionError, ModuleError, ScheduleError.
 */
export async function createNodeHost(
  { wasm, sourceMap }: Program,
  options: NodeHostOptions = {},
): Promise<Host> {
  requireNames(options, NODE_HOST_OPTIONS);
  return createHost({
    ...options,
    files: options.files ?? filesOf(options.args ?? []),
    onOutput: options.onOutput ?? writeOutput,
    wasm,
    ...(sourceMap !== undefined && { sourceMap }),
  });
}

/** What is no list of strings createHost refuses. */
function filesOf(args: unknown): Record<string, Uint8Array> {
  const isList = Array.isArray(args) && args.every((each) => typeof each === 'string');
  return isList ? readFiles(args) : {};
}

/** Write what a program wrote to `descriptor`, 1 or 2, to that of this process. */
export function writeOutput(descriptor: number, bytes: Uint8Array): void {
  (descriptor === STDERR ? process.stderr : process.stdout).write(bytes);
}
