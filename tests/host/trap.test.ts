// What engines say of a trap, each in its own words, means the same signal.

import { describe, expect, test } from 'vitest';
import { Signal } from '../../src/abi/signal.js';
import { describeTrap } from '../../src/host/trap.js';

const { SIGBUS, SIGFPE, SIGILL, SIGSEGV } = Signal;

/** Of V8, SpiderMonkey and JavaScriptCore, in this order. */
const TRAPS: readonly (readonly [message: string, signal: Signal, words: readonly string[]])[] = [
  [
    'out of bounds memory access',
    SIGSEGV,
    ['memory access out of bounds', 'index out of bounds', 'Out of bounds memory access'],
  ],
  [
    'undefined element',
    SIGSEGV,
    ['table index is out of bounds', 'table index out of bounds', 'Out of bounds call_indirect'],
  ],
  [
    'indirect call type mismatch',
    SIGSEGV,
    [
      'null function or function signature mismatch',
      'indirect call to null',
      'indirect call signature mismatch',
      'call_indirect to a null table entry',
      'call_indirect to a signature that does not match',
    ],
  ],
  [
    'integer overflow',
    SIGFPE,
    [
      'divide result unrepresentable',
      'float unrepresentable in integer range',
      'integer overflow',
      'invalid conversion to integer',
      'Integer overflow',
      'Out of bounds trunc operation',
    ],
  ],
  [
    'integer divide by zero',
    SIGFPE,
    ['divide by zero', 'remainder by zero', 'integer divide by zero', 'Division by zero'],
  ],
  [
    'unaligned atomic',
    SIGBUS,
    [
      'operation does not support unaligned accesses',
      'unaligned memory access',
      'Unaligned memory access',
    ],
  ],
  [
    'unreachable',
    SIGILL,
    ['unreachable', 'unreachable executed', 'Unreachable code should not be executed'],
  ],
];

describe.each(TRAPS)('%s', (message, signal, words) => {
  test.each(words)('is what "%s" means', (said) => {
    const fault = describeTrap(new WebAssembly.RuntimeError(said), () => '');

    expect(fault).toEqual({ message, signal, place: '' });
  });
});

test('what is no trap is rethrown', () => {
  const defect = new Error('index out of bounds');

  expect(() => describeTrap(defect, () => '')).toThrow(defect);
});
