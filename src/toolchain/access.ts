// Which instructions another thread can observe: the ones an interruption point stands before.

import { ACCESS_LOAD, ACCESS_STORE, GLOBAL_BYTES, GLOBALS_BASE } from '../abi/module.js';
import type { Ref } from './binaryen.js';
import { CONTRACT_STATE } from './names.js';
import type { Ir, Kind } from './ir.js';

const ACCESSES: ReadonlySet<Kind> = new Set([
  'Load',
  'Store',
  'AtomicRMW',
  'AtomicCmpxchg',
  'AtomicNotify',
  'MemoryCopy',
  'MemoryFill',
  'MemoryInit',
  'SIMDLoad',
  'SIMDLoadStoreLane',
]);

/**
 * True for an instruction that touches memory. A mutable global of the program counts: the threads
 * of an instance share it.
 */
export function isAccess(ir: Ir, ref: Ref): boolean {
  const kind = ir.kind(ref);
  if (kind !== 'GlobalGet' && kind !== 'GlobalSet') return ACCESSES.has(kind);
  const name = ir.text(ref, 'Name');
  return !CONTRACT_STATE.has(name) && ir.globals().get(name)?.mutable === true;
}

/** The mutable globals of the program in the order of their numbers, which begin with 1. */
export function programGlobals(ir: Ir): string[] {
  return [...ir.globals().values()]
    .filter(({ name, mutable }) => mutable && !CONTRACT_STATE.has(name))
    .map(({ name }) => name);
}

/** What an instruction accesses: the first byte, and bytes * 4 + what it does with them. */
export interface Access {
  readonly address: Ref;
  readonly access: Ref;
}

const BOTH = ACCESS_LOAD | ACCESS_STORE;
/** Most that one of these instructions accesses. Which of them do with less does not matter. */
const VECTOR_BYTES = 16;
const NOTIFY_BYTES = 4;

/** Which operand is an address, of what is done there, and which the number of bytes if one is. */
const RANGES: Partial<Record<Kind, readonly (readonly [string, number, string?])[]>> = {
  Load: [['Ptr', ACCESS_LOAD]],
  Store: [['Ptr', ACCESS_STORE]],
  AtomicRMW: [['Ptr', BOTH]],
  AtomicCmpxchg: [['Ptr', BOTH]],
  AtomicNotify: [['Ptr', ACCESS_LOAD]],
  SIMDLoad: [['Ptr', ACCESS_LOAD]],
  SIMDLoadStoreLane: [['Ptr', BOTH]],
  MemoryCopy: [
    ['Source', ACCESS_LOAD, 'Size'],
    ['Dest', ACCESS_STORE, 'Size'],
  ],
  MemoryFill: [['Dest', ACCESS_STORE, 'Size']],
  MemoryInit: [['Dest', ACCESS_STORE, 'Size']],
};

/**
 * What `ref` accesses, as values that can be had once its operands have been evaluated: these are kept in
 * locals from now on.
 */
export function accesses(ir: Ir, func: Ref, ref: Ref): Access[] {
  const { i32 } = ir.module;
  const kind = ir.kind(ref);
  if (kind === 'GlobalGet' || kind === 'GlobalSet') return [globalAccess(ir, ref)];
  const kept = new Map<string, number>();
  const value = (operand: string): Ref => {
    const local = kept.get(operand) ?? keep(ir, func, ref, operand);
    kept.set(operand, local);
    return ir.module.local.get(local, ir.binaryen.i32);
  };
  const binary = (op: 'add' | 'shl' | 'or', left: Ref, right: Ref): Ref =>
    (i32[op] as (a: Ref, b: Ref) => Ref)(left, right);
  return (RANGES[kind] ?? []).map(([operand, done, size]) => {
    if (size !== undefined) {
      const access = binary('or', binary('shl', value(size), i32.const(2)), i32.const(done));
      return { address: value(operand), access };
    }
    const address = binary('add', value(operand), i32.const(ir.get(ref, 'Offset')));
    return { address, access: i32.const(bytesOf(ir, ref, kind) * 4 + done) };
  });
}

function bytesOf(ir: Ir, ref: Ref, kind: Kind): number {
  if (kind === 'AtomicNotify') return NOTIFY_BYTES;
  return kind.startsWith('SIMD') ? VECTOR_BYTES : ir.get(ref, 'Bytes');
}

function globalAccess(ir: Ir, ref: Ref): Access {
  const { i32 } = ir.module;
  const number = programGlobals(ir).indexOf(ir.text(ref, 'Name')) + 1;
  const done = ir.kind(ref) === 'GlobalGet' ? ACCESS_LOAD : ACCESS_STORE;
  return {
    address: i32.const((GLOBALS_BASE + number * GLOBAL_BYTES) | 0),
    access: i32.const(GLOBAL_BYTES * 4 + done),
  };
}

/** The local in which an operand is from now on. */
export function keep(ir: Ir, func: Ref, ref: Ref, name: string): number {
  const operand = ir.operands(ref).find((each) => each.name === name);
  if (operand === undefined) throw new Error(`${ir.kind(ref)} has no operand ${name}`);
  const local = ir.addLocal(func, ir.binaryen.i32);
  operand.set(ir.module.local.tee(local, operand.get(), ir.binaryen.i32));
  return local;
}
