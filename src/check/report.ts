import type { CheckResult } from './options.js';

/** placeholder */
export function formatResult(result: CheckResult, _options: { sourceOf?: (file: string) => string[] | undefined } = {}): string {
  return `${result.verdict}: ${result.states} states, ${result.transitions} transitions, ${result.seconds.toFixed(2)} s ${result.failure?.message ?? ''}`;
}
