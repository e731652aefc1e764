// The scenarios on the emulated kernel: each in a process of its own, which it may lose.

import { Signal } from '../../src/abi/signal.js';
import type { Outcome } from '../../src/kernel/kernel.js';
import type { Death } from '../../src/kernel/process.js';
import { PagedMemory } from './paged-memory.js';
import { EmulatedProcess, SETUP, type Setup } from './process.js';
import { Program } from './program.js';
import type { Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios.js';
import { parseTranscript, type Transcript } from './transcript.js';

/** What a scenario printed, and what its process died of. */
export interface ScenarioRun {
  readonly text: string;
  readonly death: Death | undefined;
}

export function runScenario({ name, run }: Scenario, setup: Setup = SETUP): ScenarioRun {
  const program = new Program(name, new PagedMemory(), run);
  program.subject.reset();
  let text = '';
  const process = new EmulatedProcess(program, setup, (more) => (text += more));
  const { end, death } = endOf(process);
  return { text: `${text}${name} end: ${end}\n`, death };
}

/**
 * A panic of the kernel, or a mistake of a scenario, ends it in a way that no real one does: it is
 * reported with all other differences.
 */
function endOf(process: EmulatedProcess): { end: string; death: Death | undefined } {
  try {
    const outcome = process.run();
    return { end: describeEnd(outcome), death: outcome.death };
  } catch (error) {
    return { end: `threw ${String(error).replaceAll('\n', ' ')}`, death: undefined };
  }
}

/** The result of waiting for a process. */
function describeEnd({ reason, exitStatus, death }: Outcome): string {
  if (death !== undefined) return `killed ${Signal[death.signal] ?? death.signal}`;
  return reason === 'exited' ? `exit ${exitStatus}` : `stuck ${reason}`;
}

export function runEmulated(setup: Setup = SETUP): Transcript {
  return parseTranscript(SCENARIOS.map((scenario) => runScenario(scenario, setup).text).join(''));
}
