// The code of every program in an address space: where each was put, and what an address of it means.
//
//   program 0   CODE_BASE ...        its code map as it is
//   program 1   bias + CODE_BASE ... the next multiple of ALIGNMENT behind the code before it
//
// A bias is what is added to the addresses of a code map (of an ELF object: the load bias).

import {
  type CodeMap,
  type CodePoint,
  formatPlace,
  pointAt,
  type SectionEntry,
  sectionAt,
} from '../abi/code-map.js';
import { RSEQ_SIG } from '../abi/linux-rseq.js';
import { CODE_BASE } from '../abi/module.js';

export interface LoadedCode {
  readonly map: CodeMap;
  readonly bias: number;
}

const ALIGNMENT = 0x1000;

export class ProgramText {
  readonly programs: readonly LoadedCode[];

  constructor(maps: readonly CodeMap[]) {
    let bias = 0;
    this.programs = maps.map((map) => {
      const program = { map, bias };
      const end = bias + CODE_BASE + map.points.length;
      bias = Math.ceil(end / ALIGNMENT) * ALIGNMENT - CODE_BASE;
      return program;
    });
  }

  pointAt(ip: number): CodePoint | undefined {
    const program = this.#programAt(ip);
    return program && pointAt(program.map, ip - program.bias);
  }

  /** `function (file:line)`. */
  placeOf(ip: number): string {
    return formatPlace(this.pointAt(ip));
  }

  /** The range of a section holds `ip`. */
  isInSection(ip: number): boolean {
    const program = this.#programAt(ip);
    return program !== undefined && sectionAt(program.map, ip - program.bias) !== undefined;
  }

  /** The section whose range holds `ip`; its addresses are the program's own, without the bias. */
  sectionAt(ip: number): { readonly section: SectionEntry; readonly bias: number } | undefined {
    const program = this.#programAt(ip);
    const section = program && sectionAt(program.map, ip - program.bias);
    return section && { section, bias: program.bias };
  }

  /** Code inside the critical range can go to the common handler; a section, to its restart or start. */
  isRestart(from: number, to: number): boolean {
    const program = this.#programAt(from);
    if (program === undefined) return false;
    const { map, bias } = program;
    const { start, end, restart } = map.critical;
    if (from - bias >= start && from - bias < end && to - bias === restart) return true;
    const section = sectionAt(map, from - bias);
    return section?.restart === to - bias || section?.start === to - bias;
  }

  /** The signature in front of a restart label, for the ABIs that have one; other code reads as 0. */
  loadText(address: number): number | undefined {
    const program = this.#programAt(address);
    const last = program && this.#programAt(address + 3);
    if (program === undefined || last !== program) return undefined;
    const { map, bias } = program;
    const hasSignature = map.abi === 'linux' || map.abi === 'linux-v2';
    const label = address + 4 - bias;
    return hasSignature && map.sections.some(({ restart }) => restart === label) ? RSEQ_SIG : 0;
  }

  #programAt(ip: number): LoadedCode | undefined {
    // Asked at every slice of a check: no closure, no iterator.
    for (let index = 0; index < this.programs.length; index++) {
      const program = this.programs[index] as LoadedCode;
      const at = ip - program.bias - CODE_BASE;
      if (at >= 0 && at < program.map.points.length) return program;
    }
    return undefined;
  }
}
