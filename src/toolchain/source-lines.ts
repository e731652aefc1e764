// Source locations of expressions. Binaryen keeps them but its JavaScript API can only set them; its
// text form prints them as `;;@ file:line:column` before the instruction. So the text is read in
// step with the tree: both list the instructions of a function a parent before its operands.

import type { Ref } from './binaryen.js';
import type { Ir, Kind } from './ir.js';

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

/** Instructions that get a line: the ones that are interruption points, labels, or ways out. */
const KINDS: readonly (readonly [Kind, RegExp])[] = [
  ['Call', /^call$/],
  ['CallIndirect', /^call_indirect$/],
  ['Loop', /^loop$/],
  ['Break', /^br(_if)?$/],
  ['Switch', /^br_table$/],
  ['Return', /^return$/],
  ['GlobalGet', /^global\.get$/],
  ['GlobalSet', /^global\.set$/],
  ['Load', /^(i32|i64|f32|f64|v128)(\.atomic)?\.load(8|16|32)?(_[su])?$/],
  ['Store', /^(i32|i64|f32|f64|v128)(\.atomic)?\.store(8|16|32)?$/],
  ['AtomicCmpxchg', /^i(32|64)\.atomic\.rmw(8|16|32)?\.cmpxchg(_u)?$/],
  ['AtomicRMW', /^i(32|64)\.atomic\.rmw(8|16|32)?\.(add|sub|and|or|xor|xchg)(_u)?$/],
  ['MemoryCopy', /^memory\.copy$/],
  ['MemoryFill', /^memory\.fill$/],
  ['MemoryGrow', /^memory\.grow$/],
];

export class SourceLines {
  readonly #lines = new Map<Ref, SourceLine>();

  constructor(ir: Ir) {
    const texts = readText(ir.module.emitText());
    ir.definedFunctions().forEach((func, index) => {
      const text = texts[index] ?? [];
      const refs = listedRefs(ir, ir.binaryen.getFunctionInfo(func).body);
      // Where text and tree differ there is no telling which line belongs where: then none does.
      const isInStep = refs.every(({ kind }, at) => text[at]?.kind === kind);
      if (!isInStep || refs.length !== text.length) return;
      refs.forEach(({ ref }, at) => {
        const line = text[at]?.line;
        if (line !== undefined) this.#lines.set(ref, line);
      });
    });
  }

  /** Line of one of the listed instructions; undefined when the module carries none for it. */
  get(ref: Ref): SourceLine | undefined {
    return this.#lines.get(ref);
  }

  /** The first known line under `root`. */
  first(ir: Ir, root: Ref): SourceLine | undefined {
    let found: SourceLine | undefined;
    ir.walk(root, (ref) => {
      found ??= this.get(ref);
    });
    return found;
  }
}

interface Listed {
  readonly kind: Kind;
  readonly line: SourceLine | undefined;
}

function listedRefs(ir: Ir, body: Ref): { kind: Kind; ref: Ref }[] {
  const refs: { kind: Kind; ref: Ref }[] = [];
  ir.walk(body, (ref) => {
    const kind = ir.kind(ref);
    if (KINDS.some(([listed]) => listed === kind)) refs.push({ kind, ref });
  });
  return refs;
}

/**
 * The listed instructions of each function with a body, in order of appearance. One without a line
 * of its own has that of the expression around it, which is indented less.
 */
function readText(text: string): Listed[][] {
  const functions: Listed[][] = [];
  let around: { indent: number; line: SourceLine | undefined }[] = [];
  let marked: SourceLine | undefined;
  for (const row of text.split('\n')) {
    const [, spaces = '', head = ''] = /^(\s*)(\(func(?= )|;;@.*|\([a-z][\w.]*)/.exec(row) ?? [];
    if (head === '(func') {
      functions.push([]);
      around = [];
    } else if (head.startsWith(';;@')) {
      const [, file, number] = /^;;@ (.*):(\d+):\d+$/.exec(head) ?? [];
      marked = file === undefined ? undefined : { file, line: Number(number) };
    } else if (head !== '') {
      while ((around.at(-1)?.indent ?? -1) >= spaces.length) around.pop();
      const line = marked ?? around.at(-1)?.line;
      marked = undefined;
      around.push({ indent: spaces.length, line });
      const kind = KINDS.find(([, pattern]) => pattern.test(head.slice(1)))?.[0];
      if (kind !== undefined) functions.at(-1)?.push({ kind, line });
    }
  }
  return functions;
}
