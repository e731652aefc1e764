// What an embedder did wrong: thrown when a host is made, before anything runs. What a guest did
// wrong is a value in the result.

/** The module is not one this host can run. */
export class ModuleError extends Error {
  override readonly name = 'ModuleError';
}

/** An option has a value it cannot have. */
export class OptionError extends Error {
  override readonly name = 'OptionError';

  constructor(
    readonly option: string,
    readonly value: unknown,
    rule: string,
  ) {
    super(`${option} ${textOf(value)} ${rule}`);
  }
}

/** Of anything, in a few words: also of what has no text, or too much. */
export function textOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' || typeof value === 'function' ? typeof value : String(value);
}
