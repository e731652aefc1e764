// A configuration of workerd: a worker is a list of modules, each with its name and kind. workerd takes the name of
// a package for a path from the importer's folder, so there a module stands that exports the package's.

import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { relative as relativeName } from 'node:path/posix';
import { moduleGraph } from './graph.js';
import { ENGINES_FOLDER, fromRoot, PAYLOAD_FOLDER, ROOT } from './prepare.js';

const ENTRY = new URL('worker-entry.js', import.meta.url);
const SUITE = join(ROOT, 'tests/contract/suite');
/** The part of the checker that is WebAssembly. */
const SEARCH = 'dist/check/search.wasm';
const KINDS = { wasm: 'wasm', json: 'json', bin: 'data' };

/** Write it, and return its path. */
export async function writeConfiguration() {
  const { files, packages } = moduleGraph(ENTRY);
  const modules = [
    ...files.map((path) => embedded(path, 'esModule')),
    ...aliases(packages),
    ...[SEARCH, ...[PAYLOAD_FOLDER, SUITE].flatMap(filesIn)].map((path) =>
      embedded(path, kindOf(path)),
    ),
  ];
  const path = join(ENGINES_FOLDER, 'worker.capnp');
  await mkdir(ENGINES_FOLDER, { recursive: true });
  await writeFile(path, configuration(modules));
  return path;
}

function configuration(modules) {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .payload)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const payload :Workerd.Worker = (
  compatibilityDate = "2026-01-01",
  modules = [
    ${modules.join(',\n    ')}
  ],
);
`;
}

function embedded(path, kind) {
  const file = relativeName(fromRoot(ENGINES_FOLDER), path);
  return `(name = ${JSON.stringify(path)}, ${kind} = embed ${JSON.stringify(file)})`;
}

function aliases(packages) {
  const targets = new Map();
  for (const { folder, specifier, target } of packages) {
    targets.set(`${folder}/${specifier}`, reexport(`/${target}`));
  }
  return [...targets].map(
    ([name, source]) => `(name = ${JSON.stringify(name)}, esModule = ${JSON.stringify(source)})`,
  );
}

function reexport(name) {
  const from = `from ${JSON.stringify(name)};`;
  return `export * ${from} import * as target ${from} export default target.default;`;
}

function filesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => fromRoot(join(entry.parentPath, entry.name)))
    .sort();
}

function kindOf(path) {
  return KINDS[path.split('.').at(-1)] ?? 'text';
}
