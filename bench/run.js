// The counter bench: `npm run bench`. The rivals of a group run in turn, round after round, in one
// process; the table gives medians and ratios to the group's first. bench/README.md says what the
// numbers do not show.

import { createHost } from '../dist/host/index.js';
import { compileProgram } from '../dist/toolchain/index.js';

const ITERATIONS = 5_000_000;
const ROUNDS = 9;

/** A way to count by the letter that the guest knows it by, and what it is compiled for. */
const WAYS = [
  { name: 'section', letter: 's' },
  { name: 'unprotected', letter: 'u' },
  { name: 'atomic', letter: 'a' },
  { name: 'lock', letter: 'l' },
];
const ABIS = ['turner', 'event-counter', 'percpu-signal', 'linux', 'linux-v2', 'ras'];

const GROUPS = [
  { group: 'block', rivals: WAYS.map((way) => ({ ...way, metering: 'block' })) },
  { group: 'instruction', rivals: WAYS.map((way) => ({ ...way, metering: 'instruction' })) },
  {
    group: 'abi',
    rivals: ABIS.map((abi) => ({ name: abi, letter: 's', metering: 'block', abi })),
  },
  {
    group: 'cpu',
    rivals: [
      { name: 'thread pointer', letter: 's', metering: 'block' },
      { name: 'per-CPU base', letter: 'r', metering: 'block' },
    ],
  },
];

/** Nanoseconds per increment of one run. */
async function time({ name, letter, program }) {
  const host = await createHost({ wasm: program.wasm, args: [letter], quantum: 2 ** 29 });
  const start = performance.now();
  const result = host.run();
  const elapsed = performance.now() - start;
  if (!result.ok) throw new Error(`${name}: ${result.failure.message}`);
  return (elapsed * 1e6) / ITERATIONS;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function measure({ group, rivals }) {
  const entries = [];
  for (const { metering, abi = 'turner', ...rival } of rivals) {
    const program = await compileProgram('bench/counter.ts', { metering, abi });
    entries.push({ ...rival, program, times: [] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    if (process.stderr.isTTY) process.stderr.write(`\r${group}, round ${round + 1} of ${ROUNDS} `);
    for (const entry of entries) entry.times.push(await time(entry));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  const first = median(entries[0].times);
  return entries.map(({ name, times }) => {
    const ns = median(times);
    return { group, name, ns, spread: Math.max(...times) / Math.min(...times), ratio: ns / first };
  });
}

const rows = [];
for (const group of GROUPS) rows.push(...(await measure(group)));
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ rows }));
} else {
  console.log('group        name               ratio   ns/op   max/min');
  for (const { group, name, ns, spread, ratio } of rows) {
    const columns = [
      ratio.toFixed(2).padStart(7),
      ns.toFixed(2).padStart(7),
      spread.toFixed(2).padStart(9),
    ];
    console.log(`${group.padEnd(12)} ${name.padEnd(16)} ${columns.join(' ')}`);
  }
}
