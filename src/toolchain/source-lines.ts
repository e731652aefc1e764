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
      const refs = listedRefs(ir, ir.binaryen.Function.getBody(func));
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

  /** Give `to` the line of `from`, which it replaces. */
  inherit(from: Ref, to: Ref): void {
    const line = this.get(from);
    if (line !== undefined) this.#lines.set(to, line);
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

const LISTED: ReadonlySet<Kind> = new Set(KINDS.map(([kind]) => kind));

function listedRefs(ir: Ir, body: Ref): { kind: Kind; ref: Ref }[] {
  const refs: { kind: Kind; ref: Ref }[] = [];
  ir.walk(body, (ref, kind) => {
    if (LISTED.has(kind)) refs.push({ kind, ref });
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
  for (let at = 0, end: number; at < text.length; at = end + 1) {
    end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    const start = at;
    while (text[at] === ' ') at++;
    if (text.startsWith(';;@', at)) {
      marked = readLocation(text.slice(at, end));
      continue;
    }
    const head = readHead(text, at);
    if (head === 'func') {
      functions.push([]);
      around = [];
    } else if (head !== '') {
      const indent = at - start;
      while ((around.at(-1)?.indent ?? -1) >= indent) around.pop();
      const line = marked ?? around.at(-1)?.line;
      marked = undefined;
      around.push({ indent, line });
      const kind = kindOf(head);
      if (kind !== undefined) functions.at(-1)?.push({ kind, line });
    }
  }
  return functions;
}

function readLocation(comment: string): SourceLine | undefined {
  const [, file, number] = /^;;@ (.*):(\d+):\d+$/.exec(comment) ?? [];
  return file === undefined ? undefined : { file, line: Number(number) };
}

/** Name of the form that opens at `at`, such as 'i32.load'; '' when none does. */
function readHead(text: string, at: number): string {
  if (text[at] !== '(') return '';
  HEAD.lastIndex = at + 1;
  return HEAD.exec(text)?.[0] ?? '';
}

const HEAD = /[a-z][\w.]*/y;

const kinds = new Map<string, Kind | undefined>();

function kindOf(head: string): Kind | undefined {
  if (!kinds.has(head)) kinds.set(head, KINDS.find(([, pattern]) => pattern.test(head))?.[0]);
  return kinds.get(head);
}
