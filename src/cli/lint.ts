// wasm-rseq lint: mistakes in sections that compile, and run most of the time.

import type { Command } from 'commander';
import { lintModule, lintProgram, type Runtime } from '../toolchain/compile.js';
import { type Finding, formatFinding } from '../toolchain/lint.js';
import { RULES } from '../toolchain/lint-rules.js';
import { readBytes } from '../node/files.js';
import { FINDINGS, type Invocation, refuseGuestArguments, SUCCESS } from './invocation.js';
import { runtimeOption } from './options.js';
import { programKind } from './program.js';
import { formatTable } from './table.js';
import { announced } from './terminal.js';

interface LintOptions {
  readonly allow?: readonly string[];
  readonly runtime?: Runtime;
  readonly json?: boolean;
}

const HELP = `
Rules:
${formatTable(Object.entries(RULES).map(([rule, law]) => [`  ${rule}`, law]))}

A comment // rseq-lint-allow RULE allows what is on its line or the next; on the line of start(), in the
whole section.

Exit code: 0 nothing found, 1 findings, 2 wrong usage or input.

Examples:
  wasm-rseq lint main.ts
  wasm-rseq lint main.ts --allow early-store two-commits
  wasm-rseq lint main.ts --json`;

export function addLint(program: Command, invocation: Invocation): void {
  const command = program
    .command('lint')
    .description('look for mistakes in the sections of a program')
    .usage('[options] FILE')
    .argument('<file>', '.ts, or .wasm with its labels still calls')
    .option('--allow <rule...>', 'leave out what these rules find')
    .addOption(runtimeOption())
    .option('--json', 'print one line of JSON');
  command.addHelpText('after', HELP);
  command.action(async (file: string, options: LintOptions) => {
    refuseGuestArguments(invocation, 'lint');
    const findings = await findingsIn(file, options);
    const format = options.json === true ? JSON.stringify : formatFindings;
    process.stdout.write(`${format({ findings })}\n`);
    invocation.exitCode = findings.length === 0 ? SUCCESS : FINDINGS;
  });
}

async function findingsIn(
  file: string,
  { allow = [], runtime }: LintOptions,
): Promise<readonly Finding[]> {
  const isSource = programKind(file) === 'ts';
  const linting = isSource
    ? lintProgram(file, { allow, ...(runtime !== undefined && { runtime }) })
    : lintModule(new Uint8Array(readBytes(file)), { allow });
  return announced(`looking at ${file}`, linting, process.stderr);
}

function formatFindings({ findings }: { readonly findings: readonly Finding[] }): string {
  return findings.length === 0 ? 'no findings' : findings.map(formatFinding).join('\n');
}
