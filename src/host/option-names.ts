// The names of options: one that is misspelt would be an option not given, and nobody would notice.

import { textOf } from './errors.js';

/** Every name of an interface, so that none can be forgotten. */
export type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

/** What is wrong with options, whatever their values: the option, its value and the rule. */
export interface Misnamed {
  readonly option: string;
  readonly value: string;
  readonly rule: string;
}

/**
 * The first option that there is not, or `options` themselves if they are none; those undefined are not given.
 * where: the option that these are in, if they are in one.
 */
export function findMisnamed(options: unknown, names: object, where = ''): Misnamed | undefined {
  if (typeof options !== 'object' || options === null) {
    return { option: where || 'options', value: textOf(options), rule: 'must be an object' };
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(names, name)) continue;
    const option = where === '' ? name : `${where}.${name}`;
    const rule = `is no option; there are ${Object.keys(names).join(', ')}`;
    return { option, value: textOf(value), rule };
  }
  return undefined;
}
