// The comparison of the emulated transcript with one of a real kernel, less what is known to differ.

import { type Difference, DIFFERENCES, NOT_EMULATED } from './differences.js';
import {
  compareTranscripts,
  formatStep,
  type Mismatch,
  selectScenarios,
  type Transcript,
} from './transcript.js';

export interface Verdict {
  /** Lines that were compared. */
  readonly steps: number;
  readonly mismatches: readonly Mismatch[];
  /** Lines that differ as they are known to. */
  readonly known: readonly Difference[];
  /** Differences that have gone away, or are others now: as bad as a mismatch. */
  readonly stale: readonly Difference[];
}

/** What the real kernel says is expected; a scenario that it skipped is not looked at. */
export function judge(
  real: Transcript,
  emulated: Transcript,
  differences: readonly Difference[] = DIFFERENCES,
): Verdict {
  const isSkipped = (scenario: string): boolean =>
    real.get(scenario)?.some(({ result }) => result.startsWith('skipped')) ?? false;
  const isCompared = (scenario: string): boolean =>
    !(scenario in NOT_EMULATED) && !isSkipped(scenario);
  const { steps, mismatches } = compareTranscripts(
    selectScenarios(real, isCompared),
    selectScenarios(emulated, isCompared),
  );
  const known = differences.filter((each) => mismatches.some((found) => isThis(each, found)));
  const unknown = mismatches.filter((found) => !known.some((each) => isThis(each, found)));
  const stale = differences.filter((each) => isCompared(each.scenario) && !known.includes(each));
  return { steps, mismatches: unknown, known, stale };
}

/** How many things are wrong. */
export function countMismatches({ mismatches, stale }: Verdict): number {
  return mismatches.length + stale.length;
}

/** One line for each thing that is wrong. */
export function describeMismatches({ mismatches, stale }: Verdict): string[] {
  const lines = mismatches.map(({ expected, actual }) => {
    const wanted = expected === undefined ? 'nothing' : `'${formatStep(expected)}'`;
    const found = actual === undefined ? 'nothing' : `'${formatStep(actual)}'`;
    return `real ${wanted}, emulated ${found}`;
  });
  const outdated = stale.map(
    ({ scenario, step }) => `not different as listed: ${scenario} ${step}`,
  );
  return [...lines, ...outdated];
}

function isThis({ scenario, step, real, emulated }: Difference, found: Mismatch): boolean {
  const isStep = found.expected?.step === step && found.actual?.step === step;
  const areResults = found.expected?.result === real && found.actual?.result === emulated;
  return found.scenario === scenario && isStep && areResults;
}
