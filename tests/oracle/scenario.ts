// What a chapter of scenarios is made of.

import type { Guest } from './guest.js';
import type { Program } from './program.js';

export interface Scenario {
  readonly name: string;
  readonly run: (program: Program) => Guest<number | void>;
}

/** Scenarios by name, in the order in which they are printed. */
export function chapter(scenarios: Readonly<Record<string, Scenario['run']>>): Scenario[] {
  return Object.entries(scenarios).map(([name, run]) => ({ name, run }));
}
