// Binaryen's pass options are global to a copy of Binaryen, and asc leaves its own behind. What a
// program compiles to must not depend on what was compiled before it, so every option is set for the
// length of a pass and put back.

import type { Binaryen, Module } from './binaryen.js';

type Value = number | boolean;

/** Options by the name in their getter and setter, first letter lower case. */
export type PassOptions = Readonly<Record<string, Value>>;

/** Binaryen's own defaults, whatever the optimisation level. */
export const PASS_OPTIONS: PassOptions = {
  alwaysInlineMaxSize: 2,
  flexibleInlineMaxSize: 20,
  oneCallerInlineMaxSize: -1,
  allowInliningFunctionsWithLoops: false,
  fastMath: false,
  zeroFilledMemory: false,
  lowMemoryUnused: false,
  trapsNeverHappen: false,
  // The kernel calls functions through the table; the calls that say so are generated later.
  closedWorld: false,
};

/** Arguments that asc's optimiser sets. */
const PASS_ARGUMENTS = ['partial-inlining-ifs', 'directize-initial-contents-immutable'];

/** Run `action` with `options`, and put back what was there. */
export function withPassOptions<T>(binaryen: Binaryen, options: PassOptions, action: () => T): T {
  const before = Object.keys(options).map((name) => [name, read(binaryen, name)] as const);
  const argumentsBefore = PASS_ARGUMENTS.map(
    (name) => [name, binaryen.getPassArgument(name)] as const,
  );
  for (const [name, value] of Object.entries(options)) write(binaryen, name, value);
  for (const name of PASS_ARGUMENTS) binaryen.setPassArgument(name, null);
  try {
    return action();
  } finally {
    for (const [name, value] of before) write(binaryen, name, value);
    for (const [name, value] of argumentsBefore) binaryen.setPassArgument(name, value);
  }
}

function read(binaryen: Binaryen, name: string): Value {
  return (binaryen[`get${capitalized(name)}`] as () => Value)();
}

function write(binaryen: Binaryen, name: string, value: Value): void {
  (binaryen[`set${capitalized(name)}`] as (value: Value) => void)(value);
}

function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Run pass `name` with an argument, and put back what was there. */
export function runPassWith(
  binaryen: Binaryen,
  module: Module,
  name: string,
  argument: string,
  value: string,
): void {
  const before = binaryen.getPassArgument(argument);
  binaryen.setPassArgument(argument, value);
  try {
    module.runPasses([name]);
  } finally {
    binaryen.setPassArgument(argument, before);
  }
}
