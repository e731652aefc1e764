// npm run bench:check: how long the checker takes for programs that it proves, and SPIN for a model of one
// of them. What the numbers say and do not say is in README.md.
// Exit status: 0 also when bars are short; 1 a program was not proven; 2 usage.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { measure } from './harness.js';
import { ROOT } from './programs.js';
import { checkTable, machine, machineLine } from './report.js';
import { spinRival } from './spin.js';

const USAGE = `usage: npm run bench:check [-- --json] [--filter REGEXP] [--rounds N] [--quick]

  --json           print one object last: machine and rows
  --filter REGEXP  only programs whose name it matches
  --rounds N       rounds of a program: 5, or 1 with --quick
  --quick          smaller programs: shows that all runs, not how fast`;

const run = promisify(execFile);
const COMMAND = resolve(ROOT, 'bin/wasm-rseq.js');
const PROCESS = resolve(ROOT, 'bench/check-process.js');
const NO_REDUCTIONS = {
  reductions: { local: false, switches: false, restarts: false, symmetry: false },
};

/** A call of check() in a fresh process, and the one after it there. */
const FIRST = 'first call';
const SECOND = 'second call';

/** guest: of bench/guests/check; quick: in its place with --quick. bar: judged by the first call. */
const PROGRAMS = [
  {
    name: 'load and store, 3 threads x 2',
    guest: 'increments-3x2',
    bar: { text: '<= 0.05 s', isReached: ({ seconds }) => seconds <= 0.05 },
  },
  { name: 'load and store, 4 threads x 3', guest: 'increments-4x3', quick: 'increments-3x2' },
  { name: "Treiber's stack, 3 threads push and pop", guest: 'treiber' },
  {
    name: 'sections, 3 threads x 8',
    guest: 'sections-3x8',
    quick: 'sections-3x3',
    spin: (isQuick) => spinRival('sections', { NP: 3, K: isQuick ? 3 : 8 }),
  },
  {
    name: 'sections, 3 threads x 4, no reductions',
    guest: 'sections-3x4',
    quick: 'sections-3x3',
    options: NO_REDUCTIONS,
    bar: { text: '>= 1000000 /s', isReached: ({ rate }) => rate >= 1e6 },
  },
];

class UsageError extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? `bench: ${error.message}\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(args) {
  const { isHelp, isJson, filter, isQuick, rounds } = parse(args);
  if (isHelp) return console.log(USAGE);
  const programs = PROGRAMS.filter(({ name }) => filter.test(name));
  if (programs.length === 0)
    throw new UsageError(`--filter ${filter.source}: no program has such a name`);

  const folder = mkdtempSync(join(tmpdir(), 'wasm-rseq-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const rows = [];
  for (const program of programs) {
    const group = await groupOf(program, folder, isQuick);
    const measured = await measure(group, { rounds, warmUps: 0 }, () => {});
    rows.push(...measured.rows().map((row) => toRow(row, program.bar, isQuick)));
  }
  const here = machine();
  console.log(`${machineLine(here)}\n\n${checkTable(rows)}`);
  if (isJson) console.log(JSON.stringify({ machine: here, quick: isQuick, rows }));
  const unproven = rows.filter(({ verdict }) => verdict !== null && verdict !== 'proven');
  if (unproven.length > 0) throw new Error(`not proven: ${unproven[0].name}`);
}

async function groupOf({ name, guest, quick = guest, options, spin }, folder, isQuick) {
  const program = isQuick ? quick : guest;
  const file = join(folder, `${program}.wasm`);
  await build(resolve(ROOT, `bench/guests/check/${program}.ts`), file);
  const rivals = [FIRST, SECOND].map((call, index) => ({
    name: call,
    run: () => checkInProcess(file, { cpus: 1, ...options }, index + 1),
  }));
  if (spin !== undefined) rivals.push(spin(isQuick));
  return { name, rivals };
}

/** In a process of its own: compilers go on with threads in the background, which what is measured would share CPUs with. */
async function build(source, file) {
  const options = ['--metering', 'instruction', '-O', '3', '--no-cache'];
  await run(process.execPath, [COMMAND, 'build', source, '-o', file, ...options]);
}

async function checkInProcess(file, options, calls) {
  const args = [PROCESS, file, JSON.stringify(options), String(calls)];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout);
}

/** Of the harness's row: seconds for ns, transitions a second, and for a first call the bar. */
function toRow({ group, name: by, ns, spread, ratio, ...notes }, bar, isQuick) {
  const { verdict = null, states = null, transitions = null, reason } = notes;
  const seconds = ns === null ? null : ns / 1e9;
  const rate = seconds === null ? null : transitions / seconds;
  const row = { name: group, by, verdict, states, transitions, seconds, rate, spread, ratio };
  if (reason !== undefined) return { ...row, reason };
  if (bar === undefined || by !== FIRST) return row;
  return { ...row, bar: bar.text, pass: isQuick ? null : bar.isReached(row) };
}

function parse(args) {
  const { values } = parseOrRefuse(args);
  const rounds = values.rounds ?? (values.quick ? '1' : '5');
  if (!/^[1-9]\d{0,3}$/.test(rounds)) throw new UsageError(`--rounds ${rounds}: not 1 to 9999`);
  return {
    isHelp: values.help,
    isJson: values.json,
    filter: regularExpression(values.filter),
    isQuick: values.quick,
    rounds: Number(rounds),
  };
}

function parseOrRefuse(args) {
  try {
    return parseArgs({
      args,
      options: {
        json: { type: 'boolean', default: false },
        filter: { type: 'string', default: '' },
        rounds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error.message.split('\n')[0], { cause: error });
  }
}

function regularExpression(text) {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--filter ${text}: ${error.message}`, { cause: error });
  }
}
