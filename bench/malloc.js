// npm run bench:malloc: recorded traces of malloc and free, replayed on percpu/malloc, on the allocator that
// AssemblyScript brings, and on those of C. What the numbers say and do not say is in README.md.
// Exit status: 0 also when bars are short; 1 an object lost a byte; 2 usage.

import { parseArgs } from 'node:util';
import { atMost, judge } from './bars.js';
import { measure } from './harness.js';
import {
  CHECK_CPUS,
  checkOnThreads,
  PERCPU,
  TCMALLOC,
  timedRivals,
  TLSF,
} from './malloc-rivals.js';
import { FIXTURES, readTraces, TracesError } from './malloc-traces.js';
import { barsTable, machine, machineLine, mallocTable } from './report.js';

const USAGE = `usage: npm run bench:malloc -- [FOLDER] [--traces FOLDER] [--json] [--filter REGEXP] [--rounds N] [--quick]

  FOLDER           of traces, *.mtr.gz or *.mtr: those of the tests, which are short, unless given
  --json           print one object last: machine, rows and bars
  --filter REGEXP  only traces whose name it matches
  --rounds N       rounds of a trace: 5, or 1 with --quick
  --quick          little work in every run: shows that all runs, not how fast`;

const CHECK_THREADS = [4, 16];
/** Bytes beside one and a half times what is live: at hand on each CPU, and in a heap however small. */
const CACHED_BYTES = 64 * 1024;
const SMALL_HEAP = CHECK_CPUS * 32 * 1024 + 256 * 1024;

class UsageError extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  showProgress('');
  const isUsage = error instanceof UsageError || error instanceof TracesError;
  console.error(isUsage ? `bench: ${error.message}\n${USAGE}` : error);
  process.exitCode = isUsage ? 2 : 1;
}

async function main(args) {
  const { isHelp, isJson, folder, filter, settings } = parse(args);
  if (isHelp) return console.log(USAGE);
  const traces = readTraces(folder).filter(({ name }) => filter.test(name));
  if (traces.length === 0)
    throw new UsageError(`--filter ${filter.source}: no trace has such a name`);

  const measured = [];
  const checked = [];
  for (const trace of traces) {
    const group = { name: trace.name, rivals: timedRivals(trace, settings) };
    measured.push(await measure(group, settings, showProgress));
    for (const threads of CHECK_THREADS) {
      showProgress(`${trace.name}: checking ${threads} threads`);
      checked.push(await checkOnThreads(trace, threads));
    }
  }
  showProgress('');

  const rows = traces.flatMap((trace, index) => [
    ...measured[index].rows().map((row) => toRow(row, trace)),
    ...checked.filter((row) => row.trace === trace.name),
  ]);
  const bars = judge(measured, settings, barsOf(traces, checked));
  print(rows, bars, folder);
  if (isJson)
    console.log(JSON.stringify({ machine: machine(), quick: settings.isQuick, rows, bars }));
  const wrong = rows.find(({ ok }) => ok === false);
  if (wrong !== undefined)
    throw new Error(`${wrong.trace} on ${wrong.threads} threads: ${wrong.reason}`);
}

function toRow({ group, name, ns, peakHeap = null, ...others }, { peakLive }) {
  const row = { trace: group, allocator: name, threads: 1, nsPerRecord: ns, peakHeap, peakLive };
  return { ...row, ok: ns === null ? null : true, ...others };
}

function barsOf(traces, checked) {
  return [
    ...traces.flatMap(({ name }) => [
      atMost(`${name}: ${PERCPU} / ${TLSF}`, 1, (of) => of(name).ratio(PERCPU, TLSF)),
      atMost(`${name}: ${PERCPU} / ${TCMALLOC}`, 1.5, (of) => of(name).ratio(PERCPU, TCMALLOC)),
    ]),
    ...checked.map(({ trace, threads, peakHeap, peakLive }) => {
      const most = 1.5 * peakLive + CHECK_CPUS * CACHED_BYTES + SMALL_HEAP;
      return atMost(
        `${trace}: peak heap on ${threads} threads, of what it may be`,
        1,
        () => peakHeap / most,
      );
    }),
  ];
}

function print(rows, bars, folder) {
  console.log(machineLine(machine()));
  if (folder === FIXTURES)
    console.log(
      'traces: the first records of three, in examples/malloc-replay/traces; name a FOLDER of whole ones',
    );
  console.log(`\n${mallocTable(rows)}\n\n${barsTable(bars)}`);
}

function parse(args) {
  const { values, positionals } = parseOrRefuse(args);
  const folders = [...positionals, ...(values.traces === undefined ? [] : [values.traces])];
  if (folders.length > 1) throw new UsageError('more than one folder');
  const isQuick = values.quick;
  const rounds = values.rounds ?? (isQuick ? '1' : '5');
  if (!/^[1-9]\d{0,3}$/.test(rounds)) throw new UsageError(`--rounds ${rounds}: not 1 to 9999`);
  return {
    isHelp: values.help,
    isJson: values.json,
    folder: folders[0] ?? FIXTURES,
    filter: regularExpression(values.filter),
    settings: { isQuick, rounds: Number(rounds), warmUps: 0 },
  };
}

function parseOrRefuse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        traces: { type: 'string' },
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

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
