#!/usr/bin/env node
// npm start: count the words of a file three ways, and check each against a plain count.
// Exit status: 0 as expected, 1 a way came out otherwise, 2 usage.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { compare, compileWay, countOnCpus, countPlainly, total, WAYS } from './count.js';

const USAGE =
  'usage: npm start -- [FILE] [--seed N] [--quantum N] [--cpus N] [--threads N] [--json]';
const WARM_UP_BYTES = 2 ** 18;
const MAX_INPUT_BYTES = 64 * 2 ** 20;
const COLUMNS = [
  'way',
  'result',
  'lost',
  'wrong words',
  'ns/word',
  'preemptions',
  'restarts',
  'migrations',
];

class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  clearProgress();
  const isUsage = error instanceof UsageError || error.name === 'OptionError';
  console.error(`word-count: ${error.message}`);
  process.exitCode = isUsage ? 2 : 1;
}

async function main(argv) {
  const { file, isJson, isHelp, options } = parse(argv);
  if (isHelp) {
    console.log(USAGE);
    return 0;
  }
  const input = readInput(file);
  const expected = countPlainly(input);
  const words = total(expected);
  if (words === 0) throw new UsageError(`${file} holds no words`);

  const rows = [];
  for (const way of WAYS) rows.push(await run(way, input, expected, words, options));

  const { cpus, threads, quantum, seed } = options;
  const distinct = number(expected.size);
  console.log(file);
  console.log(
    `${number(input.length)} bytes, ${number(words)} words, ${distinct} of them distinct`,
  );
  console.log(
    `${threads} threads on ${cpus} CPUs, random preemption, quantum ${quantum}, seed ${seed}`,
  );
  console.log();
  printTable(rows);
  const complaints = rows.map(complaint).filter((text) => text !== '');
  for (const text of complaints) console.error(`word-count: ${text}`);
  if (isJson) {
    const subject = { file, bytes: input.length, words, distinctWords: expected.size };
    console.log(JSON.stringify({ ...subject, ...options, ok: complaints.length === 0, rows }));
  }
  return complaints.length === 0 ? 0 : 1;
}

async function run(way, input, expected, words, options) {
  showProgress(`${way.name}: compiling`);
  const program = await compileWay(way);
  showProgress(`${way.name}: running`);
  // The engine optimises the kernel in the first run; no way should be the one that pays for it.
  await countOnCpus(program, input.subarray(0, WARM_UP_BYTES), options);
  const onProgress = ({ fuel }) => showProgress(`${way.name}: ${number(fuel)} instructions`);
  const { counts, milliseconds, result } = await countOnCpus(program, input, {
    ...options,
    onProgress,
  });
  clearProgress();
  const { preemptions, restarts, migrations, fuel, traceHash } = result;
  return {
    way: way.name,
    expectedExact: way.isExact,
    ...compare(expected, counts),
    nsPerWord: Math.round((milliseconds * 1e6) / words),
    milliseconds: Math.round(milliseconds),
    preemptions,
    restarts,
    migrations,
    fuel,
    traceHash,
  };
}

function isExact({ wrongWords }) {
  return wrongWords === 0;
}

function complaint(row) {
  if (isExact(row) === row.expectedExact) return '';
  if (row.expectedExact) return `${row.way}: wrong, but it must be exact`;
  return `${row.way}: exact, but it must be wrong: no interrupt came at a bad moment; try another --seed`;
}

function printTable(rows) {
  const cells = rows.map((row) => [
    row.way,
    isExact(row) ? 'exact' : 'wrong',
    ...[row.lost, row.wrongWords].map(number),
    ...[row.nsPerWord, row.preemptions, row.restarts, row.migrations].map(number),
  ]);
  const widths = COLUMNS.map((title, at) =>
    Math.max(title.length, ...cells.map((line) => line[at].length)),
  );
  for (const line of [COLUMNS, ...cells]) {
    const padded = line.map((cell, at) =>
      at < 2 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]),
    );
    console.log(padded.join('  '));
  }
}

function parse(argv) {
  const { values, positionals } = parseOrRefuse(argv);
  if (positionals.length > 1) throw new UsageError(`one file at a time; ${USAGE}`);
  return {
    file: positionals[0] ?? defaultFile(),
    isJson: values.json,
    isHelp: values.help,
    options: {
      cpus: integer('cpus', values.cpus),
      threads: integer('threads', values.threads),
      quantum: integer('quantum', values.quantum),
      seed: integer('seed', values.seed),
    },
  };
}

function parseOrRefuse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        cpus: { type: 'string', default: '4' },
        threads: { type: 'string', default: '16' },
        quantum: { type: 'string', default: '500' },
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error.message.split('\n')[0], { cause: error });
  }
}

/** The host checks the range. */
function integer(option, text) {
  if (!/^-?\d+$/.test(text)) throw new UsageError(`--${option} ${text}: not an integer`);
  return Number(text);
}

/** TypeScript keeps its libraries in the package of the platform. */
function defaultFile() {
  const platform = `@typescript/typescript-${process.platform}-${process.arch}`;
  try {
    const { resolve } = createRequire(import.meta.url);
    const { resolve: resolveFromTypescript } = createRequire(resolve('typescript/package.json'));
    const folder = dirname(resolveFromTypescript(`${platform}/package.json`));
    return relative('', join(folder, 'lib', 'lib.dom.d.ts'));
  } catch (error) {
    throw new UsageError(`no lib.dom.d.ts: ${platform} is not installed; name a file`, {
      cause: error,
    });
  }
}

function readInput(file) {
  const input = readOrRefuse(file);
  if (input.length > MAX_INPUT_BYTES) {
    throw new UsageError(`${file} has ${number(input.length)} bytes; 64 MiB is the most`);
  }
  return input;
}

function readOrRefuse(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error.code}`, { cause: error });
  }
}

function number(value) {
  return value.toLocaleString('en-US');
}

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function clearProgress() {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}
