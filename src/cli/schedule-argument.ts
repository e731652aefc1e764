// What --schedule accepts: the text itself, or a place that holds the text or the JSON of a run.

import { existsSync } from 'node:fs';
import { Schedule } from '../kernel/schedule.js';
import { InputError, readText } from '../node/files.js';

/**
 * The schedule that `argument` means: TEXT, @FILE, FILE.json, or - for standard input.
 * Errors: InputError, ScheduleError.
 */
export function readSchedule(argument: string): string {
  const path = scheduleFile(argument);
  const text = path === undefined ? argument : scheduleIn(readText(path), path);
  Schedule.parse(text);
  return text;
}

function scheduleFile(argument: string): string | undefined {
  if (argument.startsWith('@')) return argument.slice(1);
  if (argument === '-' || existsSync(argument)) return argument;
  return undefined;
}

function scheduleIn(contents: string, path: string): string {
  const text = contents.trim();
  if (!text.startsWith('{')) return text;
  const { schedule } = parseObject(text, path);
  if (typeof schedule === 'string') return schedule;
  throw new InputError(`${path} has no schedule: it must be what \`run --json\` printed`);
}

function parseObject(text: string, path: string): { schedule?: unknown } {
  try {
    return JSON.parse(text) as { schedule?: unknown };
  } catch (cause) {
    throw new InputError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
