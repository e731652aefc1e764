// Silence in the source: `// rseq-lint-allow RULE ...`, on the line of a finding, on the line before
// it, or on the line of the section's start().

import { type RuleName, RULES } from './lint-rules.js';
import { ToolchainError } from './ir.js';
import type { SourceLine } from './source-lines.js';

const COMMENT = /\/\/\s*rseq-lint-allow\b([^:\n]*)/;

/** What the program was compiled from. */
export interface Sources {
  /** By path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Path of the file that a source line names. */
  pathOf(file: string): string;
}

export const NO_SOURCES: Sources = { texts: new Map(), pathOf: (file) => file };

/** Errors: ToolchainError when a name is no rule. */
export function ruleNames(names: readonly string[], where: string): ReadonlySet<RuleName> {
  for (const name of names) {
    if (Object.hasOwn(RULES, name)) continue;
    const known = Object.keys(RULES).join(', ');
    throw new ToolchainError(`${where} ${name === '' ? '""' : name} must be one of ${known}`);
  }
  return new Set(names as RuleName[]);
}

export class Comments {
  readonly #files = new Map<string, AllowedByLine>();
  readonly #sources: Sources;

  /** Errors: ToolchainError for a comment that names no rule, wherever it stands. */
  constructor(sources: Sources) {
    this.#sources = sources;
    for (const [path, text] of sources.texts) this.#files.set(path, readComments(path, text));
  }

  allows(rule: RuleName, found: SourceLine | undefined, start: SourceLine | undefined): boolean {
    const isAllowedAt = (place: SourceLine | undefined, before = 0): boolean =>
      place !== undefined && this.#at(place.file, place.line - before).has(rule);
    return isAllowedAt(found) || isAllowedAt(found, 1) || isAllowedAt(start);
  }

  #at(file: string, line: number): ReadonlySet<RuleName> {
    return this.#files.get(this.#sources.pathOf(file))?.get(line) ?? NONE;
  }
}

type AllowedByLine = ReadonlyMap<number, ReadonlySet<RuleName>>;

const NONE: ReadonlySet<RuleName> = new Set();

function readComments(path: string, text: string): AllowedByLine {
  const lines = new Map<number, ReadonlySet<RuleName>>();
  text.split('\n').forEach((line, index) => {
    const [, names] = COMMENT.exec(line) ?? [];
    if (names === undefined) return;
    const words = names.split(/[\s,]+/).filter((word) => word !== '');
    const where = `${path}:${index + 1}: rseq-lint-allow`;
    lines.set(index + 1, ruleNames(words.length === 0 ? [''] : words, where));
  });
  return lines;
}
