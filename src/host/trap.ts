// From an engine's exception to a fault: the words of the WebAssembly specification, the signal a
// processor would have raised, and the place, as far as the engine tells it.

import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { Signal } from '../abi/signal.js';
import type { Fault } from '../kernel/machine.js';
import { OptionError } from './errors.js';

/** Place of byte `offset` of the module, `file:line`, or '' when it is not known. */
export type TrapLocator = (offset: number) => string;

/**
 * What V8, SpiderMonkey and JavaScriptCore say, and what it means; the first that fits. V8 has one message for a
 * call through a null entry and one of another signature, so they mean the same here.
 */
const TRAPS: readonly (readonly [RegExp, string, Signal])[] = [
  [
    /table (index is |index )?out of bounds|out of bounds (table access|call_indirect)|undefined element/i,
    'undefined element',
    Signal.SIGSEGV,
  ],
  [
    /out of bounds memory|memory access out of bounds|index out of bounds/i,
    'out of bounds memory access',
    Signal.SIGSEGV,
  ],
  [
    /indirect call|call_indirect|signature mismatch|null function/i,
    'indirect call type mismatch',
    Signal.SIGSEGV,
  ],
  [
    /unrepresentable|integer overflow|invalid conversion|out of bounds trunc/i,
    'integer overflow',
    Signal.SIGFPE,
  ],
  [/(divi\w+|remainder) by zero/i, 'integer divide by zero', Signal.SIGFPE],
  [/unaligned/i, 'unaligned atomic', Signal.SIGBUS],
  [/unreachable/i, 'unreachable', Signal.SIGILL],
  [/call stack|too much recursion|stack overflow/i, 'call stack exhausted', Signal.SIGSEGV],
];

/** Of an instruction that the toolchain does not take, such as a cast of a reference. */
const UNKNOWN_TRAP = [undefined, 'trap', Signal.SIGILL] as const;

/** Errors: rethrows what is not a trap; that is a defect of the host, not of the guest. */
export function describeTrap(error: unknown, locate: TrapLocator): Fault {
  if (error instanceof WebAssembly.Exception) {
    return { signal: Signal.SIGABRT, message: 'uncaught exception', place: '' };
  }
  if (!(error instanceof Error)) throw error;
  if (error instanceof TypeError) {
    // A function of the contract with another signature: its arguments or result do not convert.
    const message = `module breaks the contract: ${error.message}`;
    return { signal: Signal.SIGSEGV, message, place: '' };
  }
  const known = TRAPS.find(([pattern]) => pattern.test(error.message));
  const isTrap = error instanceof WebAssembly.RuntimeError;
  const isOverflow = error instanceof RangeError || error.name === 'InternalError';
  if (!isTrap && (known === undefined || !isOverflow)) throw error;
  const [, message, signal] = known ?? UNKNOWN_TRAP;
  return { signal, message, place: findPlace(error.stack ?? '', locate) };
}

/** The innermost Wasm frame: `at name (wasm://...:wasm-function[3]:0x1f2)`, in V8's form and others'. */
function findPlace(stack: string, locate: TrapLocator): string {
  const frame = stack.split('\n').find((row) => row.includes('wasm-function['));
  if (frame === undefined) return '';
  const [, offset] = /wasm-function\[\d+\]:0x([0-9a-f]+)/.exec(frame) ?? [];
  const [, name = ''] = /^\s*at (\S+) \(/.exec(frame) ?? /^(.*?)@/.exec(frame) ?? [];
  const place = offset === undefined ? '' : locate(Number.parseInt(offset, 16));
  if (place === '') return name;
  return name === '' ? place : `${name} (${place})`;
}

/**
 * A locator over a source map whose columns are byte offsets, as asc writes them.
 * Errors: OptionError when the text is no source map.
 */
export function sourceMapLocator(sourceMap: string | undefined): TrapLocator {
  if (sourceMap === undefined || sourceMap === '') return () => '';
  const tracer = parseSourceMap(sourceMap);
  return (offset) => {
    const { source, line } = originalPositionFor(tracer, { line: 1, column: offset });
    return source === null ? '' : `${source}:${line}`;
  };
}

function parseSourceMap(text: string): TraceMap {
  try {
    // The root that asc writes is where the module was meant to be, not where the sources are.
    const { sourceRoot: _, ...map } = JSON.parse(text) as { sourceRoot?: string };
    return new TraceMap(map as never);
  } catch {
    const start = JSON.stringify(text.slice(0, 20));
    throw new OptionError('sourceMap', start, 'is not a version 3 source map');
  }
}
