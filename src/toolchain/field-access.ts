// Fields of @unmanaged classes: asc compiles `s.n` to the call of a function that is one load or one
// store. Inside a section a call is an error, so they become what they are before labels are looked at.

import type { Ref } from './binaryen.js';
import type { Ir } from './ir.js';

/**
 * Replace every call of a function that loads or stores one field by the load or store; `onReplace` hears
 * of each.
 */
export function inlineFieldAccess(
  ir: Ir,
  onReplace: (call: Ref, access: Ref) => void = () => {},
): void {
  const bodies = new Map<string, Ref>();
  for (const func of ir.definedFunctions()) {
    const { name, body, vars } = ir.binaryen.getFunctionInfo(func);
    if (vars.length === 0 && isFieldAccess(ir, body)) bodies.set(name, body);
  }
  ir.replaceAllCalls(new Set(bodies.keys()), (call) => {
    const access = ir.module.copyExpression(bodies.get(ir.text(call, 'Target')) as Ref);
    const args = ir.operands(call).map((operand) => operand.get());
    ir.operands(access).forEach((operand, index) => operand.set(args[index] as Ref));
    onReplace(call, access);
    return access;
  });
}

/** A load or store whose operands are the parameters, each once and in order. */
function isFieldAccess(ir: Ir, body: Ref): boolean {
  const kind = ir.kind(body);
  if (kind !== 'Load' && kind !== 'Store') return false;
  return ir
    .operands(body)
    .map((operand) => operand.get())
    .every((ref, index) => ir.kind(ref) === 'LocalGet' && ir.get(ref, 'Index') === index);
}
