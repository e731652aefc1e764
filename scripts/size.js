// npm run size: what a browser loads of each entry that it can load, with all that the entry imports.
//
// bytes and gzip are of the modules as they are published, each compressed by itself; bundled is one file, made
// small by the bundler that vitest brings along, and null where it brings none. --json: one object.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { formatCount, formatTable } from '../dist/cli/table.js';
import { moduleGraph } from './module-graph.js';

const ENTRIES = ['.', './kernel', './abi', './check'];
const { exports: FILES } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url)));

const bundler = await findBundler();
const entries = [];
for (const entry of ENTRIES) entries.push(await measure(entry));
const isForPrograms = process.argv.includes('--json');
console.log(isForPrograms ? JSON.stringify({ entries }) : table(entries));

async function measure(entry) {
  const url = new URL(`../${FILES[entry]}`, import.meta.url);
  const { modules } = moduleGraph(url.href);
  const contents = modules.map((module) => readFileSync(new URL(module)));
  const bundle = await bundleOf(url);
  return {
    entry,
    modules: modules.length,
    bytes: sum(contents.map(({ length }) => length)),
    gzip: sum(contents.map(gzipBytes)),
    bundled: bundle && bundle.length,
    bundledGzip: bundle && gzipBytes(bundle),
  };
}

/** One minified file, or null. */
async function bundleOf(url) {
  if (bundler === null) return null;
  const build = await bundler.rolldown({ input: fileURLToPath(url), platform: 'browser' });
  const { output } = await build.generate({ minify: true });
  return Buffer.from(output[0].code);
}

/** Nobody asks for it but vite, and nobody for that but vitest. */
async function findBundler() {
  try {
    let require = createRequire(import.meta.url);
    for (const name of ['vitest', 'vite']) {
      require = createRequire(require.resolve(`${name}/package.json`));
    }
    return await import(pathToFileURL(require.resolve('rolldown')).href);
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

function table(rows) {
  const head = ['entry', 'modules', 'bytes', 'gzip', 'bundled', 'bundled gzip'];
  return formatTable([
    head,
    ...rows.map(({ entry, ...numbers }) => [entry, ...Object.values(numbers).map(show)]),
  ]);
}

function show(value) {
  return value === null ? '-' : formatCount(value);
}

function gzipBytes(bytes) {
  return gzipSync(bytes, { level: 9 }).length;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
