// npm run engines: the same payload on every engine that is found: the contract suite, programs that must come out
// the same byte for byte, and what a section costs next to plain Wasm. docs/embedding.md says what follows.
// Exit status: 0; 1 an engine differs, breaks a law or fails; 2 usage.

import { parseArgs } from 'node:util';
import { ENGINES_FOLDER, prepare } from './engines/prepare.js';
import { PROGRAMS } from './engines/programs.js';
import { ENGINES, findEngine, installEngines, versionOf } from './engines/registry.js';
import { absentRow, failedRow, isGood, row, table } from './engines/report.js';

const NAMES = ENGINES.map(({ name }) => name);
const USAGE = `usage: npm run engines [-- [--json] [--install] [--only NAME,...] [--filter REGEXP] [--seconds N]]

  --json           print one object last: rows
  --install        first install with npm what can be
  --folder FOLDER  where that is; .cache/engines unless given
  --only NAME,...  only these of ${NAMES.join(', ')}
  --filter REGEXP  only programs whose name it matches
  --seconds N      time that an engine has; 300 unless given`;

class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  showProgress('');
  console.error(error instanceof UsageError ? `engines: ${error.message}\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(args) {
  const { isHelp, isJson, isInstall, folder, engines, filter, seconds } = parse(args);
  if (isHelp) {
    console.log(USAGE);
    return 0;
  }
  if (isInstall) await during('installing engines', () => installEngines(folder));
  await prepare({ filter, onProgress: showProgress });
  const [{ run }] = ENGINES;
  const reference = await during('the reference', () => run(process.execPath, seconds));

  const rows = [];
  for (const engine of engines) {
    rows.push(await during(engine.name, () => measure(engine, folder, seconds, reference)));
  }
  print(rows);
  if (isJson) console.log(JSON.stringify({ rows }));
  return rows.every(isGood) ? 0 : 1;
}

async function measure(engine, folder, seconds, reference) {
  const { name, how, run } = engine;
  const file = findEngine(engine, folder);
  if (file === undefined) return absentRow(name, how);
  let version = null;
  try {
    version = await versionOf(file);
    const started = performance.now();
    const result = await run(file, seconds);
    return row(name, version, (performance.now() - started) / 1000, result, reference);
  } catch (error) {
    return failedRow(name, version ?? '', error);
  }
}

function print(rows) {
  console.log(table(rows));
  for (const { engine, complaints } of rows) {
    for (const complaint of complaints) console.error(`engines: ${engine}: ${complaint}`);
  }
}

function parse(args) {
  const { values } = parseOrRefuse(args);
  return {
    isHelp: values.help,
    isJson: values.json,
    isInstall: values.install,
    folder: values.folder ?? ENGINES_FOLDER,
    engines: values.only === undefined ? ENGINES : values.only.split(',').map(engineCalled),
    filter: programsNamed(values.filter),
    seconds: positive(values.seconds),
  };
}

function parseOrRefuse(args) {
  try {
    return parseArgs({
      args,
      options: {
        json: { type: 'boolean', default: false },
        install: { type: 'boolean', default: false },
        folder: { type: 'string' },
        only: { type: 'string' },
        filter: { type: 'string', default: '' },
        seconds: { type: 'string', default: '300' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error.message.split('\n')[0], { cause: error });
  }
}

function engineCalled(name) {
  const engine = ENGINES.find((each) => each.name === name);
  if (engine === undefined) throw new UsageError(`--only "${name}": there is no such engine`);
  return engine;
}

function programsNamed(text) {
  const filter = regularExpression(text);
  if (!PROGRAMS.some(({ name }) => filter.test(name))) {
    throw new UsageError(`--filter ${text}: no program has such a name`);
  }
  return filter;
}

function regularExpression(text) {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--filter ${text}: ${error.message}`, { cause: error });
  }
}

function positive(text) {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new UsageError(`--seconds ${text}: not 1 to 99999`);
  return Number(text);
}

/** Seconds count up in a terminal while `action` takes its time. */
async function during(what, action) {
  const started = performance.now();
  const timer = setInterval(() => {
    showProgress(`${what}: ${Math.round((performance.now() - started) / 1000)} s`);
  }, 1000);
  try {
    return await action();
  } finally {
    clearInterval(timer);
    showProgress('');
  }
}

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
