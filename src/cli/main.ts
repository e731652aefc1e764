// The command `wasm-rseq`: its sub-commands, and what becomes of an error.
//
// Exit code: 0 success; 1 the guest failed, or lint found something; 2 usage or bad input, with one line on
// stderr; 3 a check was stopped before it had an answer; 70 a defect of this tool, with its stack trace.

import { readFileSync, writeSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { CodeMapError } from '../abi/code-map.js';
import { ModuleError, OptionError } from '../host/errors.js';
import { ScheduleError } from '../kernel/schedule.js';
import { ReplayError } from '../kernel/schedulers/replay.js';
import { CompileError } from '../toolchain/compile.js';
import { ToolchainError } from '../toolchain/ir.js';
import { addBuild } from './build.js';
import { InputError } from '../node/files.js';
import { addCheck } from './check.js';
import { CheckError } from '../check/errors.js';
import { addInspect } from './inspect.js';
import { BAD_INPUT, DEFECT, type Invocation, SUCCESS } from './invocation.js';
import { addLint } from './lint.js';
import { addReplay } from './replay.js';
import { addRun } from './run.js';

const NAME = 'wasm-rseq';
const STDERR = 2;

/** Everything that is the user's to put right. */
const INPUT_ERRORS = [
  InputError,
  OptionError,
  ModuleError,
  CodeMapError,
  ScheduleError,
  ReplayError,
  ToolchainError,
  CheckError,
];

const EXAMPLES = `
Exit code: 0 success, 1 the program failed or lint found something, 2 wrong usage or input, 3 a check was
stopped.

Examples:
  wasm-rseq run main.ts --cpus 4 --threads 8 --quantum 61 --seed 1
  wasm-rseq inspect main.ts
  wasm-rseq lint main.ts
  wasm-rseq help run`;

/**
 * Node 20 can hang where it waits for nothing but WebAssembly to compile: then it waits for its other compilers too,
 * and these may wait for it to collect garbage. With a timer there is something else to wait for.
 */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/** argv: the words after the command's own name. Returns the exit code; writes to the process. */
export async function main(argv: string[]): Promise<number> {
  surviveBrokenPipes();
  const { words, guestArguments } = splitArguments(argv);
  const invocation: Invocation = { guestArguments, exitCode: SUCCESS };
  const alive = setInterval(() => {}, LONGEST_INTERVAL_MS);
  try {
    if (words.length === 0) throw new InputError(`no command given; see ${NAME} --help`);
    await createProgram(invocation).parseAsync(words, { from: 'user' });
    return invocation.exitCode;
  } catch (error) {
    return complain(error);
  } finally {
    clearInterval(alive);
  }
}

/** What stands behind the first `--` is the guest's, and no business of the parser. */
function splitArguments(argv: readonly string[]): { words: string[]; guestArguments: string[] } {
  const at = argv.indexOf('--');
  if (at < 0) return { words: [...argv], guestArguments: [] };
  return { words: argv.slice(0, at), guestArguments: argv.slice(at + 1) };
}

function createProgram(invocation: Invocation): Command {
  const program = new Command(NAME)
    .description(
      'Restartable sequences for WebAssembly: run, replay, build, inspect, check and lint programs.',
    )
    .version(packageVersion(), '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => process.stderr.write(text),
      outputError: (text) => printError(text.replace(/^error: /, '')),
    });
  addRun(program, invocation);
  addReplay(program, invocation);
  addBuild(program, invocation);
  addInspect(program, invocation);
  addCheck(program, invocation);
  addLint(program, invocation);
  program.addHelpText('after', EXAMPLES);
  return program;
}

function complain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? SUCCESS : BAD_INPUT;
  if (error instanceof ReplayError) {
    printError(`${error.message}; are program, --cpus, --threads, --stdin, arguments the same?`);
  } else if (error instanceof CompileError) {
    // The compiler's diagnostics are made of lines.
    process.stderr.write(`${NAME}: ${error.message}\n`);
  } else if (INPUT_ERRORS.some((kind) => error instanceof kind)) {
    printError((error as Error).message);
  } else {
    const trace = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${NAME}: this is a defect of ${NAME}, please report it\n${trace}\n`);
    return DEFECT;
  }
  return BAD_INPUT;
}

/** One line, whatever the message is made of. */
function printError(message: string): void {
  process.stderr.write(`${NAME}: ${message.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`);
}

function packageVersion(): string {
  const path = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** `wasm-rseq ... | head` closes the pipe early: no reason to die of it. */
function surviveBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.listeners('error').includes(ignoreBrokenPipe)) {
      stream.on('error', ignoreBrokenPipe);
    }
  }
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  // The event comes when nobody is left to catch an exception.
  writeSync(STDERR, `${NAME}: cannot write output: ${error.message}\n`);
  process.exit(BAD_INPUT);
}
