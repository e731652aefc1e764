// What an engine loads before the first line of a module runs: the module, what it imports, and so on.

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';

/** As tsc and the packages we depend on write them: at the beginning of a line. */
const STATIC_IMPORT = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm;

/**
 * The URLs of the modules, `entry` first, and the names of what Node has built in.
 * @param {string} entry URL
 */
export function moduleGraph(entry) {
  const modules = new Set([entry]);
  const builtins = new Set();
  // A set may grow while it is gone through.
  for (const module of modules) {
    for (const name of staticImports(readFileSync(new URL(module), 'utf8'))) {
      if (isBuiltin(name)) builtins.add(name);
      else modules.add(resolveImport(name, module));
    }
  }
  return { modules: [...modules], builtins: [...builtins] };
}

/** @param {string} code */
function staticImports(code) {
  return [...code.matchAll(STATIC_IMPORT)].map(([, name]) => name);
}

/**
 * Packages are all found from here: npm puts each of ours at the top.
 * @param {string} name
 * @param {string} importer URL
 */
function resolveImport(name, importer) {
  return name.startsWith('.') ? new URL(name, importer).href : import.meta.resolve(name);
}
