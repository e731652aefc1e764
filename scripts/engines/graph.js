// The files that an ES module reaches by its imports, for engines that do not look for packages themselves.

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { fromRoot } from './prepare.js';

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g;

/**
 * files: paths from the root. packages: every import of a package, as { folder, specifier, target }, the folder
 * that it is from and the file that it is. Packages are those that this package finds.
 */
export function moduleGraph(entry) {
  const files = new Set();
  const packages = [];
  const visit = (url) => {
    const path = fromRoot(fileURLToPath(url));
    if (files.has(path)) return;
    files.add(path);
    for (const specifier of importsOf(readFileSync(fileURLToPath(url), 'utf8'))) {
      const isRelative = specifier.startsWith('.');
      const found = isRelative ? new URL(specifier, url).href : import.meta.resolve(specifier);
      const target = fromRoot(fileURLToPath(found));
      if (!isRelative) packages.push({ folder: dirname(path), specifier, target });
      visit(found);
    }
  };
  visit(entry.href);
  return { files: [...files], packages };
}

function importsOf(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(IMPORT)].map(([, specifier]) => specifier);
}
