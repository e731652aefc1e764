// A process that checks a module and prints, as JSON, what came of its last call of check():
//
//   node check-process.js MODULE OPTIONS CALLS

import { readFileSync } from 'node:fs';
import { check } from '../dist/check/index.js';

const [, , file, options, calls] = process.argv;
const wasm = readFileSync(file);

let printed;
for (let call = 0; call < Number(calls); call++) {
  const start = performance.now();
  const { verdict, states, transitions } = await check(wasm, JSON.parse(options));
  const ns = (performance.now() - start) * 1e6;
  printed = { ns, verdict, states, transitions };
}
console.log(JSON.stringify(printed));
