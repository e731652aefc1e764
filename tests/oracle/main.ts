// `npm run oracle`: the scenarios of tests/native on the emulated kernel, compared with what a real
// one was recorded to do, and with what the kernel of this machine does. Exits with 1 if any line
// differs that is not known to. `--json` prints one object, as the last line.

import { fileURLToPath } from 'node:url';
import { NOT_EMULATED } from './differences.js';
import { runEmulated } from './emulated.js';
import { RECORDED, readRecording, runNative } from './native.js';
import type { Transcript } from './transcript.js';
import { countMismatches, describeMismatches, judge, type Verdict } from './verdict.js';

/** From build/oracle/tests/oracle. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== '--json');
  if (unknown !== undefined) {
    console.error(`oracle: unknown argument ${unknown}; there is --json`);
    return 2;
  }
  const emulated = runEmulated();
  console.log(`emulated: ${emulated.size} scenarios`);
  for (const [scenario, reason] of Object.entries(NOT_EMULATED)) {
    console.log(`  not emulated: ${scenario}: ${reason}`);
  }
  const recorded = compare(`recorded ${RECORDED}`, await readRecording(ROOT), emulated);
  for (const { scenario, step, real, emulated: ours, reason } of recorded.known) {
    console.log(`  known: ${scenario} ${step}: real ${real}, emulated ${ours}: ${reason}`);
  }
  const native = await runNative(ROOT);
  const isNative = 'transcript' in native;
  if (!isNative) console.log(`native: not run: ${native.reason}`);
  const live = isNative
    ? compare(`native ${native.kernel}`, native.transcript, emulated)
    : undefined;
  const mismatches = countMismatches(recorded) + (live === undefined ? 0 : countMismatches(live));
  const report = {
    steps: recorded.steps,
    mismatches,
    native: isNative,
    nativeSteps: live?.steps ?? 0,
    nativeReason: isNative ? null : native.reason,
    scenarios: emulated.size,
    known: recorded.known.map(({ scenario, step }) => `${scenario} ${step}`),
    notEmulated: Object.keys(NOT_EMULATED),
  };
  if (args.includes('--json')) console.log(JSON.stringify(report));
  return mismatches === 0 ? 0 : 1;
}

function compare(title: string, real: Transcript, emulated: Transcript): Verdict {
  const verdict = judge(real, emulated);
  const { steps, known } = verdict;
  const wrong = countMismatches(verdict);
  console.log(`${title}: ${steps} steps, ${wrong} mismatches, ${known.length} known differences`);
  for (const line of describeMismatches(verdict)) console.log(`  ${line}`);
  return verdict;
}

process.exitCode = await main(process.argv.slice(2));
