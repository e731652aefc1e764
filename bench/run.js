// npm run bench: every group of rivals in turn, a table, and what that is next to the bars. What the
// numbers say and do not say is in README.md.
// Exit status: 0 also when bars are short; 1 a rival came to a wrong result; 2 usage.

import { parseArgs } from 'node:util';
import { judge, NOT_RUN } from './bars.js';
import { writeCharts } from './chart.js';
import { buildGroups } from './groups/build.js';
import { computeGroups } from './groups/compute.js';
import { counterGroups } from './groups/counter.js';
import { switchGroups } from './groups/switch.js';
import { threadsGroups } from './groups/threads.js';
import { waysGroups } from './groups/ways.js';
import { measure } from './harness.js';
import { barsTable, machine, machineLine, rowsTable } from './report.js';

const USAGE = `usage: npm run bench -- [--json] [--filter REGEXP] [--rounds N] [--quick]

  --json           print one object last: machine, rows and bars
  --filter REGEXP  only groups whose name it matches
  --rounds N       rounds of a group: 9, or 1 with --quick
  --quick          little work in every run: shows that all runs, not how fast`;

/** The groups that take long come last. */
const GROUPS = [waysGroups, counterGroups, switchGroups, computeGroups, buildGroups, threadsGroups];

class UsageError extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  showProgress('');
  console.error(error instanceof UsageError ? `bench: ${error.message}\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(argv) {
  const { isHelp, isJson, filter, settings } = parse(argv);
  if (isHelp) return console.log(USAGE);
  const groups = GROUPS.flatMap((make) => make(settings)).filter(({ name }) => filter.test(name));
  if (groups.length === 0)
    throw new UsageError(`--filter ${filter.source}: no group has such a name`);

  const measured = [];
  for (const group of groups) measured.push(await measure(group, settings, showProgress));
  showProgress('');

  const rows = measured.flatMap((group) => group.rows());
  const bars = judge(measured, settings);
  const units = new Map(groups.map(({ name, unit }) => [name, unit]));
  const here = machine();
  print(rows, bars, units, machineLine(here));
  if (!settings.isQuick) console.log(`\ncharts: ${writeCharts(rows, units, machineLine(here))}`);
  if (isJson) console.log(JSON.stringify({ machine: here, quick: settings.isQuick, rows, bars }));
}

function print(rows, bars, units, where) {
  console.log(where);
  console.log();
  console.log(rowsTable(rows, units));
  const judged = bars.filter(({ reason }) => reason !== NOT_RUN);
  if (judged.length > 0) console.log(`\n${barsTable(judged)}`);
}

function parse(argv) {
  const { values } = parseOrRefuse(argv);
  const isQuick = values.quick;
  return {
    isHelp: values.help,
    isJson: values.json,
    filter: regularExpression(values.filter),
    settings: {
      isQuick,
      rounds: rounds(values.rounds ?? (isQuick ? '1' : '9')),
      warmUps: isQuick ? 0 : 2,
    },
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

function rounds(text) {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`--rounds ${text}: not 1 to 9999`);
  return Number(text);
}

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
