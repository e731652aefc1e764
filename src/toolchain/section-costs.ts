// What stands for a section's points and for what its ABI wants, between lowering and metering, and what
// a way through it costs.

import type { Ref } from './binaryen.js';
import { fuelOf } from './fuel.js';
import { type Ir, ToolchainError } from './ir.js';
import { parsePointName } from './lower.js';
import {
  parsePlaceholderName,
  type PlaceholderKind,
  type SectionAbi,
  type SectionAddresses,
} from './section-abi.js';

/** A call that is not there any more when metering is done. */
export function isPlaceholder(name: string): boolean {
  return parsePointName(name) !== undefined || parsePlaceholderName(name) !== undefined;
}

/** A section's point as a condition: the call, or the call with its value kept in a local. */
export function isPointTest(ir: Ir, ref: Ref): boolean {
  switch (ir.kind(ref)) {
    case 'Call':
      return parsePointName(ir.text(ref, 'Target')) !== undefined;
    case 'LocalSet':
      return ir.operands(ref).every((operand) => isPointTest(ir, operand.get()));
    default:
      return false;
  }
}

/** Fuel of the longest way through the loop at whose head a section's restart label stands. */
export class SectionCosts {
  readonly #costs = new Map<number, number>();

  constructor(
    readonly ir: Ir,
    readonly abi: SectionAbi,
    body: Ref,
  ) {
    this.#visit(body, body);
  }

  of(section: number): number {
    return this.#costs.get(section) ?? 0;
  }

  #visit(ref: Ref, around: Ref): void {
    const { ir } = this;
    const point = ir.kind(ref) === 'Call' ? parsePointName(ir.text(ref, 'Target')) : undefined;
    if (point?.point === 0) this.#costs.set(point.section, this.longest(around));
    const inner = ir.kind(ref) === 'Loop' ? ref : around;
    for (const operand of ir.operands(ref)) this.#visit(operand.get(), inner);
  }

  /** Fuel of the longest way through `ref`, loops once. */
  longest(ref: Ref): number {
    const { ir } = this;
    const kind = ir.kind(ref);
    if (kind === 'Break' && isPointTest(ir, ir.operands(ref).at(-1)?.get() ?? ref)) return 0;
    if (kind === 'Call' && parsePointName(ir.text(ref, 'Target')) !== undefined) return 0;
    const placeholder = kind === 'Call' ? parsePlaceholderName(ir.text(ref, 'Target')) : undefined;
    if (placeholder !== undefined) {
      return this.longest(emitPlaceholder(ir, this.abi, placeholder.kind, ANYWHERE));
    }
    const costs = ir.operands(ref).map((operand) => this.longest(operand.get()));
    if (kind === 'If') return 1 + (costs[0] ?? 0) + Math.max(costs[1] ?? 0, costs[2] ?? 0);
    return costs.reduce((sum, cost) => sum + cost, fuelOf(ir, ref));
  }
}

/** Addresses that matter not, but that are not 0, which takes less code. */
const ANYWHERE: SectionAddresses = { index: 1, start: 1, end: 1, restart: 1 };

/** The code of ABI `abi` for a placeholder. Errors: ToolchainError. */
export function emitPlaceholder(
  ir: Ir,
  { emit }: SectionAbi,
  kind: PlaceholderKind,
  section: SectionAddresses | undefined,
): Ref {
  if (kind === 'leave') return ir.module.nop();
  if (kind === 'disarm' && emit.disarm !== undefined) return emit.disarm(ir);
  const code = kind === 'disarm' ? undefined : emit[kind];
  if (code === undefined || section === undefined) {
    throw new ToolchainError(`${kind} of a section that has no start`);
  }
  return code(ir, section);
}
