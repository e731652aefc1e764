// wasm-rseq inspect: the code map of a program, made readable.

import type { Command } from 'commander';
import {
  type CodeMap,
  type CodePoint,
  formatPlace,
  hex,
  pointAt,
  type SectionEntry,
} from '../abi/code-map.js';
import { CODE_BASE } from '../abi/module.js';
import { type Invocation, refuseGuestArguments, SUCCESS } from './invocation.js';
import { addCompileOptions, type CompileOptions } from './options.js';
import { prepareProgram } from './program.js';
import { formatTable } from './table.js';

/** What of the map is shown besides the sections. */
export interface Contents {
  readonly points?: boolean;
}

interface InspectOptions extends CompileOptions, Contents {
  readonly json?: boolean;
}

/** A point with the address it has. */
type Address = CodePoint & { readonly ip: number };

const EXAMPLES = `
Examples:
  wasm-rseq inspect main.ts
  wasm-rseq inspect main.wasm --points
  wasm-rseq inspect main.wasm --json`;

export function addInspect(program: Command, invocation: Invocation): void {
  const command = program
    .command('inspect')
    .description('show the sections of a program, their labels, points and code')
    .usage('[options] FILE')
    .argument('<file>', '.ts, compiled first, or .wasm as `build` made it')
    .option('--points', 'list every code address too')
    .option('--json', 'print one line of JSON');
  addCompileOptions(command);
  command.addHelpText('after', EXAMPLES);
  command.action(async (file: string, options: InspectOptions) => {
    refuseGuestArguments(invocation, 'inspect');
    const { map } = await prepareProgram(file, options);
    const format = options.json === true ? formatMapJson : formatMap;
    process.stdout.write(`${format(map, options)}\n`);
    invocation.exitCode = SUCCESS;
  });
}

export function formatMap(map: CodeMap, contents: Contents): string {
  const parts =
    map.sections.length === 0
      ? ['no sections']
      : [sectionTable(map), ...map.sections.map((section, at) => detail(map, section, at))];
  parts.push(criticalRange(map));
  if (contents.points === true)
    parts.push(`points\n${pointTable(addresses(map, CODE_BASE, endOfCode(map)))}`);
  return parts.join('\n\n');
}

export function formatMapJson(map: CodeMap, contents: Contents): string {
  const { version, metering, abi, memory, critical } = map;
  const sections = map.sections.map((section, index) => {
    const { function: name, file, line } = place(map, section.start);
    const points = addresses(map, section.start, section.end + 1);
    return { index, function: name, file, line, ...section, points };
  });
  const points =
    contents.points === true ? { points: addresses(map, CODE_BASE, endOfCode(map)) } : {};
  return JSON.stringify({ version, metering, abi, memory, critical, sections, ...points });
}

function sectionTable(map: CodeMap): string {
  const head = ['section', 'function', 'place', 'start', 'end', 'restart', 'fuel'];
  const rows = map.sections.map(({ start, end, restart, fuel }, index) => {
    const { function: name, file, line } = place(map, start);
    const source = file === '' ? '-' : `${file}:${line}`;
    return [`${index}`, name, source, hex(start), hex(end), hex(restart), `${fuel}`];
  });
  return formatTable([head, ...rows]);
}

/** The labels and points of a section, then its instructions under the same addresses. */
function detail(map: CodeMap, section: SectionEntry, index: number): string {
  const { start, end, restart, listing } = section;
  const inside = addresses(map, start, end + 1);
  const rows = [...addresses(map, restart, restart + 1), ...inside].map((point) => {
    return [hex(point.ip), labelAt(section, point.ip), formatPlace(point)];
  });
  return [
    `section ${index}`,
    formatTable([['ip', 'label', 'place'], ...rows]),
    '',
    formatTable([['ip', 'instruction'], ...listing.map(splitListing)]),
  ].join('\n');
}

function labelAt({ start, end, restart }: SectionEntry, ip: number): string {
  if (ip === restart) return 'restart';
  if (ip === start) return 'start';
  return ip === end ? 'end' : '';
}

/** A line of a listing is an address, where there is a new one, and the instruction. */
function splitListing(line: string): string[] {
  const [, ip = '', instruction = line] = /^(0x[0-9a-f]+)?\s*(.*)$/.exec(line) ?? [];
  return [ip, instruction];
}

function criticalRange({ critical, sections, abi }: CodeMap): string {
  if (sections.length === 0) return 'critical range: none';
  const { start, end, restart } = critical;
  return `critical range [${hex(start)}, ${hex(end)}), restart ${hex(restart)}, abi ${abi}`;
}

function pointTable(points: readonly Address[]): string {
  return formatTable([
    ['ip', 'place'],
    ...points.map((point) => [hex(point.ip), formatPlace(point)]),
  ]);
}

function addresses(map: CodeMap, from: number, to: number): Address[] {
  const found: Address[] = [];
  for (let ip = from; ip < to; ip++) found.push({ ip, ...place(map, ip) });
  return found;
}

function endOfCode(map: CodeMap): number {
  return CODE_BASE + map.points.length;
}

/** Preconditions: `ip` is in the code, as the map was checked to be. */
function place(map: CodeMap, ip: number): CodePoint {
  return pointAt(map, ip) as CodePoint;
}
