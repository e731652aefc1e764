// Code addresses. From CODE_BASE up: the critical range, which holds the points of every section
// with the one after its commit; the restart labels, first the common handler, then one a section;
// then the points of ordinary code in the order in which the functions stand.
//
//   CODE_BASE                       critical.end
//   | s0 s1 s2 end | s0 s1 end ...  |            (the last end is just outside)
//   | handler | restart 0 | restart 1 ... | ordinary points ...
//
// An ABI may want a signature in front of every restart label: those bytes have addresses too.
//
// One range for all sections is what an ABI with one region per process needs.

import type { AbiName, CodeMap, CodePoint, SectionEntry } from '../abi/code-map.js';
import { CODE_BASE, CONTRACT_VERSION } from '../abi/module.js';
import type { Metering } from '../abi/code-map.js';
import type { LoweredSection } from './lower.js';
import type { SectionAddresses } from './section-abi.js';
import type { SourceLine } from './source-lines.js';

/** One copy of a section: inlining makes several of one source section. */
export interface SectionCopy extends SectionAddresses {
  readonly section: LoweredSection;
  readonly function: string;
  fuel: number;
  readonly listing: string[];
}

export class CodeLayout {
  readonly copies: readonly SectionCopy[];
  readonly critical: CodeMap['critical'];
  readonly #points: CodePoint[] = [];

  /**
   * copies: every copy of every section, in the order of the code; signatureBytes: of the signature
   * in front of a restart label.
   */
  constructor(
    copies: readonly { section: LoweredSection; function: string }[],
    signatureBytes: number,
  ) {
    let next = CODE_BASE;
    const ranges = copies.map(({ section }) => {
      const start = next;
      next += section.endPoint + 1;
      return { start, end: next - 1 };
    });
    const handler = next;
    this.copies = copies.map((copy, index) => ({
      ...copy,
      ...(ranges[index] as { start: number; end: number }),
      index,
      restart: handler + 1 + index + (index + 1) * signatureBytes,
      fuel: 0,
      listing: [],
    }));
    const first = ranges[0]?.start ?? 0;
    const last = ranges.at(-1)?.end ?? 0;
    this.critical = { start: first, end: last, restart: copies.length === 0 ? 0 : handler };
    for (const copy of copies) {
      for (const line of copy.section.lines) this.#add(copy.function, line);
    }
    if (copies.length > 0) this.#add('rseq.restart', undefined);
    for (const copy of copies) {
      for (let byte = 0; byte < signatureBytes; byte++) this.#add('rseq.signature', undefined);
      this.#add(copy.function, copy.section.lines[0]);
    }
  }

  /** The address of a new point of ordinary code. */
  point(functionName: string, line: SourceLine | undefined): number {
    this.#add(functionName, line);
    return CODE_BASE + this.#points.length - 1;
  }

  codeMap(metering: Metering, abi: AbiName, memory: CodeMap['memory']): CodeMap {
    const sections: SectionEntry[] = this.copies.map(({ start, end, restart, fuel, listing }) => ({
      start,
      end,
      restart,
      fuel,
      listing,
    }));
    const { critical } = this;
    return {
      version: CONTRACT_VERSION,
      metering,
      abi,
      memory,
      critical,
      sections,
      points: this.#points,
    };
  }

  #add(functionName: string, line: SourceLine | undefined): void {
    this.#points.push({ function: functionName, file: line?.file ?? '', line: line?.line ?? 0 });
  }
}
