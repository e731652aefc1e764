// Transcripts: what a run of the scenarios printed, one line a step, `<scenario> <step>: <result>`.
// Two are compared scenario by scenario and line by line, so that a line too many shifts nothing but
// the rest of its scenario.

/** One line. */
export interface Step {
  readonly scenario: string;
  readonly step: string;
  readonly result: string;
}

/** By scenario, in the order of the first lines. */
export type Transcript = ReadonlyMap<string, readonly Step[]>;

/** A line that only one transcript has, or that differs. */
export interface Mismatch {
  readonly scenario: string;
  readonly expected: Step | undefined;
  readonly actual: Step | undefined;
}

export interface Comparison {
  /** Lines that were compared. */
  readonly steps: number;
  readonly mismatches: readonly Mismatch[];
}

const LINE = /^(\S+) (\S+): (.+)$/;

/** Throws for a line that is none of a transcript. */
export function parseTranscript(text: string): Transcript {
  const scenarios = new Map<string, Step[]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, scenario, step, result] = LINE.exec(line) ?? [];
    if (scenario === undefined || step === undefined || result === undefined) {
      throw new Error(`no line of a transcript: ${line}`);
    }
    const steps = scenarios.get(scenario) ?? [];
    steps.push({ scenario, step, result });
    scenarios.set(scenario, steps);
  }
  return scenarios;
}

export function formatStep({ scenario, step, result }: Step): string {
  return `${scenario} ${step}: ${result}`;
}

export function compareTranscripts(expected: Transcript, actual: Transcript): Comparison {
  const scenarios = new Set([...expected.keys(), ...actual.keys()]);
  const mismatches: Mismatch[] = [];
  let steps = 0;
  for (const scenario of scenarios) {
    const wanted = expected.get(scenario) ?? [];
    const found = actual.get(scenario) ?? [];
    const length = Math.max(wanted.length, found.length);
    for (let at = 0; at < length; at++) {
      steps++;
      if (isSame(wanted[at], found[at])) continue;
      mismatches.push({ scenario, expected: wanted[at], actual: found[at] });
    }
  }
  return { steps, mismatches };
}

function isSame(one: Step | undefined, other: Step | undefined): boolean {
  return one?.step === other?.step && one?.result === other?.result;
}

/** The scenarios that `isIncluded` lets through. */
export function selectScenarios(
  transcript: Transcript,
  isIncluded: (scenario: string, steps: readonly Step[]) => boolean,
): Transcript {
  return new Map([...transcript].filter(([scenario, steps]) => isIncluded(scenario, steps)));
}
