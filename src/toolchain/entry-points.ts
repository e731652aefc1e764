// Which functions begin with an interruption point. Every loop has one at its head; so that no thread
// runs for long without one, every cycle of calls must have one too, and so must calls that fan out.

import type { Ref } from './binaryen.js';
import type { Ir } from './ir.js';

/** Longest way between two points, in instructions, but for the length of a single function. */
const MAX_DISTANCE = 1000;

/** Stands for what a call by way of a table may call. */
const ANY_VALUE = '';

interface Callees {
  readonly instructions: number;
  readonly names: readonly string[];
}

/** Names of the functions that begin with a point. */
export function entryPoints(ir: Ir, functions: readonly Ref[]): ReadonlySet<string> {
  const callees = new Map<string, Callees>();
  for (const func of functions) {
    const { name, body } = ir.binaryen.getFunctionInfo(func);
    callees.set(name, calleesOf(ir, body));
  }
  callees.set(ANY_VALUE, { instructions: 0, names: [...ir.functionValues()] });
  const search = new CycleSearch(callees);
  for (const name of callees.keys()) search.distance(name);
  return search.points;
}

function calleesOf(ir: Ir, body: Ref): Callees {
  const names: string[] = [];
  let instructions = 0;
  ir.walk(body, (ref) => {
    const kind = ir.kind(ref);
    instructions++;
    if (kind === 'Call') names.push(ir.text(ref, 'Target'));
    else if (kind === 'CallIndirect') names.push(ANY_VALUE);
  });
  return { instructions, names };
}

/** Depth first: a call back to a function that is not done yet closes a cycle. */
class CycleSearch {
  readonly points = new Set<string>();
  readonly #distances = new Map<string, number | 'open'>();

  constructor(readonly callees: ReadonlyMap<string, Callees>) {}

  /** Instructions that a call of function `name` may execute and that no point of its own covers. */
  distance(name: string, caller: string = name): number {
    const known = this.#distances.get(name);
    if (known === 'open') this.points.add(name === ANY_VALUE ? caller : name);
    if (known !== undefined) return known === 'open' ? 0 : known;
    const found = this.callees.get(name);
    if (found === undefined) return 0;
    this.#distances.set(name, 'open');
    const distances = found.names.map((callee) => this.distance(callee, name));
    const distance =
      name === ANY_VALUE
        ? Math.max(0, ...distances)
        : distances.reduce((sum, each) => sum + each, found.instructions);
    if (distance > MAX_DISTANCE && name !== ANY_VALUE) this.points.add(name);
    const uncovered = this.points.has(name) ? 0 : distance;
    this.#distances.set(name, uncovered);
    return uncovered;
  }
}
