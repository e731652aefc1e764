// Makes this checkout its own dependency, node_modules/wasm-rseq, so that examples, asconfig.json and
// editors find `wasm-rseq/assembly` and `wasm-rseq/transform` here as they do where it is installed.

import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const link = fileURLToPath(new URL('../node_modules/wasm-rseq', import.meta.url));

mkdirSync(new URL('../node_modules', import.meta.url), { recursive: true });
if (!existsSync(link)) symlinkSync(root, link, 'junction');
