// The checker: every interleaving of a program, or the shortest one that fails. Works wherever ECMAScript
// and WebAssembly do.

export {
  check,
  type CheckFailure,
  type CheckOptions,
  type CheckResult,
  type Reductions,
  type Verdict,
} from './check.js';
export type { CounterexampleStep, WordValue } from './counterexample.js';
export type { Coverage } from './coverage.js';
export { CheckError } from './errors.js';
export type { Progress } from './limits.js';
