// What a run came to: one line of JSON for programs, a table for people.

import type { GuestFailure, Result } from '../host/host.js';
import type { RecordOptions } from './options.js';
import { formatCount, formatTable } from './table.js';
import { type Colors, colorsFor } from './terminal.js';

/** N.B. The order of the keys is part of the interface. */
function formatJson(result: Result): string {
  return JSON.stringify({
    ok: result.ok,
    exitCode: result.exitCode,
    preemptions: result.preemptions,
    restarts: result.restarts,
    migrations: result.migrations,
    signals: result.signals,
    sectionsEntered: result.sectionsEntered,
    fuel: result.fuel,
    systemFuel: result.systemFuel,
    traceHash: result.traceHash,
    schedule: result.schedule,
    failure: result.failure === undefined ? null : failureFields(result.failure),
  });
}

function failureFields(failure: GuestFailure): object {
  const { kind, signal, tid, place, message } = failure;
  // JSON has no undefined: the key would be missing.
  return { kind, signal: signal ?? null, tid, place, message };
}

function formatSummary(result: Result, colors: Colors): string {
  const table = formatTable([
    ['result', result.ok ? 'ok' : 'failed'],
    ['instructions', formatCount(result.fuel)],
    ['preemptions', formatCount(result.preemptions)],
    ['restarts', formatCount(result.restarts)],
    ['migrations', formatCount(result.migrations)],
    ['signals', formatCount(result.signals)],
    ['sections entered', describeCount(result.sectionsEntered)],
    ['trace hash', result.traceHash],
  ]);
  const { failure } = result;
  return failure === undefined ? table : `${table}\n${colors.red(failure.message)}`;
}

/**
 * Print a result. The summary goes to stderr: stdout is the program's, and a reader of it must not
 * find our words in there. `repeat`: the command that repeats the run, shown when it failed.
 */
export function report(result: Result, { json }: RecordOptions, repeat: string | undefined): void {
  if (json === true) {
    process.stdout.write(`${formatJson(result)}\n`);
    return;
  }
  process.stderr.write(`${formatSummary(result, colorsFor(process.stderr))}\n`);
  if (!result.ok && repeat !== undefined) process.stderr.write(`repeat with: ${repeat}\n`);
}

function describeCount(count: number | null): string {
  return count === null ? 'not counted (block metering)' : formatCount(count);
}
