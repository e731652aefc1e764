// The counter bench: `npm run bench`. Each way runs in turn, round after round, in one process; the
// table gives medians and ratios to the section. bench/README.md says what the numbers do not show.

import { compileProgram } from '../dist/toolchain/index.js';
import { createHost } from '../dist/host/index.js';

const ITERATIONS = 5_000_000;
const ROUNDS = 9;
const WAYS = ['unprotected', 'section', 'atomic', 'lock'];

/** Nanoseconds per increment of one run. */
async function time(program, way) {
  const host = await createHost({ wasm: program.wasm, args: [way], quantum: 2 ** 29 });
  const start = performance.now();
  const result = host.run();
  const elapsed = performance.now() - start;
  if (!result.ok) throw new Error(`${way}: ${result.failure.message}`);
  return (elapsed * 1e6) / ITERATIONS;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function measure(metering) {
  const program = await compileProgram('bench/counter.ts', { metering });
  const times = Object.fromEntries(WAYS.map((way) => [way, []]));
  for (let round = 0; round < ROUNDS; round++) {
    if (process.stderr.isTTY)
      process.stderr.write(`\r${metering}, round ${round + 1} of ${ROUNDS} `);
    for (const way of WAYS) times[way].push(await time(program, way));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  const section = median(times.section);
  return WAYS.map((way) => {
    const ns = median(times[way]);
    const spread = Math.max(...times[way]) / Math.min(...times[way]);
    return { group: metering, name: way, ns, spread, ratio: ns / section };
  });
}

const rows = [...(await measure('block')), ...(await measure('instruction'))];
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ rows }));
} else {
  console.log('metering     way           x section   ns/op   max/min');
  for (const { group, name, ns, spread, ratio } of rows) {
    const columns = [
      ratio.toFixed(2).padStart(9),
      ns.toFixed(2).padStart(7),
      spread.toFixed(2).padStart(9),
    ];
    console.log(`${group.padEnd(12)} ${name.padEnd(12)} ${columns.join(' ')}`);
  }
}
