// npm run mutate: does the checker find mistakes that nobody thought of? Each primitive, of the corpus and
// of the library, gets one small mistake at a time; what the checker does not find is listed.
// Exit status: 0; 1 it finds less than 95 % of what could be found; 2 usage.

import { parseArgs } from 'node:util';
import { CORPUS } from '../build/mutate/tests/corpus/manifest.js';
import { EQUIVALENT, MISSED } from './mutation/known.js';
import { corpusSubjects, librarySubjects } from './mutation/subjects.js';
import { tryMutants } from './mutation/trial.js';

const USAGE = `usage: npm run mutate [-- [--json] [--filter REGEXP]]

  --json           print one object last: counts, rate, and what survived
  --filter REGEXP  only programs whose name it matches`;

/** Part of the mutants that can be killed of which the checker must kill as many. */
const BAR = 0.95;
const FATES = ['refused', 'killed', 'equivalent', 'survived'];

class UsageError extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  showProgress('');
  console.error(error instanceof UsageError ? `mutate: ${error.message}\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(args) {
  const { isHelp, isJson, filter } = parse(args);
  if (isHelp) return console.log(USAGE);
  const subjects = [...librarySubjects(), ...corpusSubjects(CORPUS)].filter(({ name }) =>
    filter.test(name),
  );
  if (subjects.length === 0) throw new UsageError(`--filter ${filter.source}: no such program`);

  const rows = [];
  for (const subject of subjects) {
    const trials = await tryMutants(subject, (done, all) =>
      showProgress(`${subject.name}: ${done} of ${all} mutants`),
    );
    rows.push({ name: subject.name, ...count(trials), trials });
  }
  showProgress('');
  const trials = rows.flatMap((row) => row.trials);
  report(rows, trials, isJson);
  refuseStale(trials, subjects);
}

function report(rows, trials, isJson) {
  const total = count(trials);
  const rate = rateOf(total);
  console.log(table([...rows, { name: 'all', ...total }]));
  for (const fate of ['equivalent', 'survived']) {
    const listed = trials.filter((trial) => trial.fate === fate);
    if (listed.length > 0) console.log(`\n${fate}:`);
    for (const { file, line, operator, id, reason } of listed) {
      console.log(`${file}:${line}: ${operator}: ${id}\n    ${reason}`);
    }
  }
  console.log(`\nkilled ${(rate * 100).toFixed(1)} % of those that differ; ${BAR * 100} % needed`);
  if (isJson) {
    const survived = trials.filter(({ fate }) => fate === 'survived');
    console.log(JSON.stringify({ ...total, survived, rate }));
  }
  if (rate < BAR) process.exitCode = 1;
}

function count(trials) {
  const counts = FATES.map((fate) => [fate, trials.filter((trial) => trial.fate === fate).length]);
  return { mutants: trials.length, ...Object.fromEntries(counts) };
}

/** Of those that compile and differ. */
function rateOf({ killed, survived }) {
  return killed + survived === 0 ? 1 : killed / (killed + survived);
}

/** An entry of the tables that holds no more hides that something has changed. */
function refuseStale(trials, subjects) {
  const fates = new Map(trials.map(({ id, fate }) => [id, fate]));
  for (const [known, expected] of [
    [EQUIVALENT, 'equivalent'],
    [MISSED, 'survived'],
  ]) {
    for (const id of known.keys()) {
      if (!subjects.some(({ name }) => id.startsWith(`${name} `))) continue;
      const fate = fates.get(id) ?? 'no mutant';
      if (fate !== expected) throw new Error(`known.js: "${id}" is ${fate}, not ${expected}`);
    }
  }
}

function table(rows) {
  const lines = [['program', 'mutants', ...FATES]];
  for (const row of rows) {
    lines.push([row.name, row.mutants, ...FATES.map((fate) => row[fate])].map(String));
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
        )
        .join('  '),
    )
    .join('\n');
}

function parse(args) {
  const { values } = parseOrRefuse(args);
  return { isHelp: values.help, isJson: values.json, filter: regularExpression(values.filter) };
}

function parseOrRefuse(args) {
  try {
    return parseArgs({
      args,
      options: {
        json: { type: 'boolean', default: false },
        filter: { type: 'string', default: '' },
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

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
