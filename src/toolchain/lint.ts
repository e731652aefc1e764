// The static part of the checker: the rules of lint-rules.ts over every section of a module whose labels
// are still calls, in the order of the source, without what has been allowed.

import type { Binaryen, Module, Ref } from './binaryen.js';
import { inlineFieldAccess } from './field-access.js';
import { flattenStatements } from './instrument.js';
import { Ir } from './ir.js';
import { findSections, labelNames, type LabelledSection } from './labels.js';
import { Comments, ruleNames, type Sources } from './lint-comments.js';
import { applyRules, type Hit, type RuleName } from './lint-rules.js';
import { Flows, type SectionFlow } from './section-flow.js';
import { type SourceLine, SourceLines } from './source-lines.js';

export interface Finding {
  readonly rule: RuleName;
  /** One line: the function, what stands there, and what comes of it. */
  readonly message: string;
  readonly function: string;
  /** '' and 0 when the module has no source lines. */
  readonly file: string;
  readonly line: number;
}

export interface LintOptions {
  /** Names of rules to leave out. */
  readonly allow?: readonly string[];
}

export interface LintInput {
  /** For comments that allow something. */
  readonly sources: Sources;
  /** The module was finished by a compiler: its locals are given back on a restart. */
  readonly isFinished: boolean;
}

/** `file:line: rule: message` */
export function formatFinding({ rule, message, file, line }: Finding): string {
  return `${file === '' ? '' : `${file}:${line}: `}${rule}: ${message}`;
}

/** Errors: LabelError; ToolchainError when a rule is allowed that there is not. */
export function lint(
  binaryen: Binaryen,
  module: Module,
  options: LintOptions,
  input: LintInput,
): readonly Finding[] {
  const allowed = ruleNames(options.allow ?? [], '--allow');
  const ir = new Ir(binaryen, module);
  if (input.isFinished) flattenStatements(ir);
  const lines = new SourceLines(ir);
  inlineFieldAccess(ir, (call, access) => lines.inherit(call, access));
  const found = new ModuleLint(ir, lines, input).findings();
  return sorted(found.filter(({ rule }) => !allowed.has(rule)));
}

class ModuleLint {
  readonly #comments: Comments;

  constructor(
    readonly ir: Ir,
    readonly lines: SourceLines,
    readonly input: LintInput,
  ) {
    this.#comments = new Comments(input.sources);
  }

  findings(): Finding[] {
    const { ir } = this;
    const labels = labelNames(ir);
    const sections = new Map<Ref, readonly LabelledSection[]>();
    for (const func of ir.definedFunctions()) {
      sections.set(func, findSections(ir, labels, func, this.lines));
    }
    const flows = new Flows(ir, (func) => sections.get(func) ?? []);
    return [...sections].flatMap(([func, { length }]) =>
      length === 0 ? [] : flows.follow(func).flatMap((flow) => this.#findingsOf(func, flow)),
    );
  }

  #findingsOf(func: Ref, flow: SectionFlow): Finding[] {
    return applyRules(flow, (local) => this.#localName(func, local))
      .filter(({ rule }) => !this.input.isFinished || rule !== 'restart-skips-init')
      .flatMap((hit) => this.#finding(func, flow.section, hit));
  }

  /** None when a comment allows it. */
  #finding(func: Ref, section: LabelledSection, hit: Hit): Finding[] {
    const { rule } = hit;
    const place = this.#lineOf(hit.ref) ?? section.line;
    if (this.#comments.allows(rule, place, section.line)) return [];
    const { name } = this.ir.binaryen.getFunctionInfo(func);
    const other = hit.other === 0 ? undefined : this.#lineOf(hit.other);
    const message = `${name}: ${hit.message.replace(/ ?@/, describe(other, place))}`;
    return [{ rule, message, function: name, file: place?.file ?? '', line: place?.line ?? 0 }];
  }

  #lineOf(ref: Ref): SourceLine | undefined {
    return this.lines.get(ref) ?? this.lines.first(this.ir, ref);
  }

  #localName(func: Ref, local: number): string {
    const { Function: functions } = this.ir.binaryen as unknown as {
      Function: {
        hasLocalName(func: Ref, local: number): boolean;
        getLocalName(func: Ref, local: number): string;
      };
    };
    if (!functions.hasLocalName(func, local)) return `local ${local}`;
    // asc tells locals of one name apart by a number behind a bar.
    return functions.getLocalName(func, local).replace(/\|\d+$/, '');
  }
}

function describe(other: SourceLine | undefined, place: SourceLine | undefined): string {
  if (other === undefined) return '';
  return other.file === place?.file ? ` in line ${other.line}` : ` in ${other.file}:${other.line}`;
}

/** By place, rule and text; the same thing once, however often it was inlined into a function. */
function sorted(findings: readonly Finding[]): Finding[] {
  const unique = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  return [...unique.values()].sort(
    (a, b) =>
      compare(a.file, b.file) ||
      a.line - b.line ||
      compare(a.rule, b.rule) ||
      compare(a.message, b.message),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
