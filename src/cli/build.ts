// wasm-rseq build: from source, or from a finished module with labels, to an instrumented module.

import type { Command } from 'commander';
import { loadModule } from '../host/loader.js';
import { instrumentFile } from '../toolchain/compile.js';
import { readBytes, requireOther, requireWritable, writeFile } from '../node/files.js';
import { type Invocation, refuseGuestArguments, SUCCESS } from './invocation.js';
import { addCompileOptions, type CompileOptions } from './options.js';
import type { Program } from '../node/program.js';
import { compile, programKind } from './program.js';
import { formatCount } from './table.js';

interface BuildOptions extends CompileOptions {
  readonly output?: string;
}

const EXAMPLES = `
A .ts file is compiled to FILE.wasm, with its source map in FILE.wasm.map. A .wasm file that calls
the label imports is instrumented as it is, to FILE.rseq.wasm: compile it with -O0 --exportTable, the
toolchain optimises.

Examples:
  wasm-rseq build main.ts
  wasm-rseq build main.ts -o build/main.wasm --metering block -O 3
  wasm-rseq build program.wasm`;

export function addBuild(program: Command, invocation: Invocation): void {
  const command = program
    .command('build')
    .description('compile a program, or instrument a module')
    .usage('[options] FILE')
    .argument('<file>', '.ts or .wasm')
    .option('-o, --output <file>', 'module to write (default: beside FILE)');
  addCompileOptions(command);
  command.addHelpText('after', EXAMPLES);
  command.action(async (file: string, options: BuildOptions) => {
    refuseGuestArguments(invocation, 'build');
    await build(file, options);
    invocation.exitCode = SUCCESS;
  });
}

async function build(file: string, options: BuildOptions): Promise<void> {
  const isSource = programKind(file) === 'ts';
  const output = options.output ?? defaultOutput(file, isSource ? '.wasm' : '.rseq.wasm');
  // Before the work, which takes a while.
  requireWritable(output);
  requireOther(output, file);
  const { wasm, sourceMap } = isSource
    ? await compile(file, options, output)
    : await instrument(file, options);
  const { map } = await loadModule(wasm);
  writeFile(output, wasm);
  if (sourceMap !== undefined) writeFile(`${output}.map`, sourceMap);
  const sections = counted(map.sections.length, 'section');
  const points = counted(map.points.length, 'point');
  process.stdout.write(`${output}: ${counted(wasm.length, 'byte')}, ${sections}, ${points}\n`);
}

async function instrument(file: string, options: BuildOptions): Promise<Program> {
  const instrumented = await instrumentFile(new Uint8Array(readBytes(file)), {
    ...(options.abi?.[0] !== undefined && { abi: options.abi[0] }),
    ...(options.metering !== undefined && { metering: options.metering }),
    ...(options.optimize !== undefined && { optimizeLevel: options.optimize }),
  });
  // Offsets of the module it was made from: a source map of that one would lie about this one.
  return { wasm: instrumented };
}

function defaultOutput(file: string, extension: string): string {
  return file.replace(/\.(ts|wasm)$/, extension);
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
