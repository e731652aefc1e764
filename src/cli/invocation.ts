// One call of the tool: what came behind `--`, and the exit code that the command settles on.

import { InputError } from '../node/files.js';

export const SUCCESS = 0;
export const GUEST_FAILURE = 1;
/** Of lint. */
export const FINDINGS = 1;
export const BAD_INPUT = 2;
/** Of check. */
export const INCOMPLETE = 3;
/** A defect of ours; sysexits.h: EX_SOFTWARE. */
export const DEFECT = 70;

export interface Invocation {
  /** Arguments for the program. */
  readonly guestArguments: readonly string[];
  exitCode: number;
}

/** Errors: InputError when there are arguments for a program, but the command runs none. */
export function refuseGuestArguments({ guestArguments }: Invocation, command: string): void {
  if (guestArguments.length === 0) return;
  throw new InputError(`${command} runs no program, so nothing can follow --`);
}
