// The checker: every interleaving of a program, or the shortest one that fails. Works wherever ECMAScript
// and WebAssembly do.

export { check } from './check.js';
export type { CheckFailure, CheckOptions, CheckResult, Reductions, Verdict } from './options.js';
export type { CounterexampleStep, WordValue } from './counterexample.js';
export type { Coverage } from './coverage.js';
export { CheckError } from './errors.js';
export type { Progress } from './limits.js';
export { formatResult, type ReportOptions, type SourceOf, sourcesIn } from './report.js';
export { useSearchModule } from './search-core.js';
