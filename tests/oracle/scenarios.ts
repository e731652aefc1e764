// All scenarios, chapter by chapter as in tests/native/oracle.c.

import { ABORT } from './scenarios/abort.js';
import { AFFINITY } from './scenarios/affinity.js';
import { CALLS_INSIDE } from './scenarios/calls-inside.js';
import { CALLS } from './scenarios/calls.js';
import { FUTEX } from './scenarios/futex.js';
import { LIFETIME } from './scenarios/lifetime.js';
import { MEMBARRIER } from './scenarios/membarrier.js';
import { REGISTRATION } from './scenarios/registration.js';
import { SIGNALS } from './scenarios/signals.js';
import type { Scenario } from './scenario.js';

export const SCENARIOS: readonly Scenario[] = [
  ...REGISTRATION,
  ...ABORT,
  ...CALLS_INSIDE,
  ...SIGNALS,
  ...LIFETIME,
  ...MEMBARRIER,
  ...AFFINITY,
  ...FUTEX,
  ...CALLS,
];
