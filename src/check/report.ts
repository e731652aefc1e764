// A result of the checker as text: the verdict, what was covered, and a failing run step by step. The same
// result gives the same text. In the run, steps with which nobody else has to do are folded.
//
//   step  thread  cpu
//                      ... 26 steps of thread 1 in wrong/main
//     27       1    0  wrong.ts:14  store<i32>(slot, load<i32>(slot) + 1);  reads 0x4c0: 0
//                      -- thread 1 loses cpu 0 at 0x102e, wrong/main (wrong.ts:14)

import { hex } from '../abi/code-map.js';
import { GLOBAL_BYTES } from '../abi/module.js';
import type { CounterexampleStep, WordValue } from './counterexample.js';
import type { Coverage } from './coverage.js';
import { globalAt, isGlobal } from './globals.js';
import type { CheckResult } from './options.js';

/** The lines of a source file, as far as they are known. */
export type SourceOf = (file: string) => readonly string[] | undefined;

export interface ReportOptions {
  /** Nothing is known unless given. */
  readonly sourceOf?: SourceOf;
}

/** Steps at the end of a run that are shown in any case. */
const LAST_STEPS = 10;
/** Words of a step that are shown, and functions of folded steps. */
const MOST_WORDS = 4;
const MOST_FUNCTIONS = 3;
const MOST_SOURCE = 64;
/** Values from here on are shown as addresses are. */
const LARGE = 2 ** 16;

const HEAD = ' step  thread  cpu';
const INDENT = ' '.repeat(HEAD.length + 2);

/** The result in lines, without a line break at the end. */
export function formatResult(result: CheckResult, options: ReportOptions = {}): string {
  const { verdict, reason, failure, steps, schedule, states, transitions } = result;
  const searched = `${count(states, 'state')}, ${count(transitions, 'transition')}`;
  if (verdict === 'violated') {
    const place = failure?.place ? ` at ${failure.place}` : '';
    const where = failure !== undefined && failure.tid > 0 ? [`thread ${failure.tid}${place}`] : [];
    return [
      `violated: ${failure?.message ?? 'a run fails'}`,
      `  ${[...where, ...lengthOf(result), searched].join('; ')}`,
      ...(steps === undefined ? [] : ['', ...listing(steps, options.sourceOf ?? nothing), '']),
      `schedule: ${schedule ?? 'none'}`,
    ].join('\n');
  }
  const why = reason === undefined ? '' : `${reason}; `;
  return [`${verdict}: ${why}${searched}`, ...coverageLines(result.coverage)].join('\n');
}

/** What a source map says of its sources. Nothing is known of a text that is none. */
export function sourcesIn(sourceMap: string): SourceOf {
  const files = new Map<string, readonly string[]>();
  const { sources, sourcesContent } = parse(sourceMap);
  sources.forEach((file, index) => {
    const text = sourcesContent[index];
    if (typeof text === 'string') files.set(file, text.split(/\r?\n/));
  });
  return (file) => files.get(file);
}

function parse(sourceMap: string): { sources: string[]; sourcesContent: unknown[] } {
  try {
    const map = JSON.parse(sourceMap) as { sources?: string[]; sourcesContent?: unknown[] };
    return { sources: map.sources ?? [], sourcesContent: map.sourcesContent ?? [] };
  } catch {
    return { sources: [], sourcesContent: [] };
  }
}

function nothing(): undefined {
  return undefined;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function lengthOf({ preemptions, steps }: CheckResult): string[] {
  const parts = [
    ...(preemptions === undefined ? [] : [count(preemptions, 'preemption')]),
    ...(steps === undefined ? [] : [count(steps.length, 'step')]),
  ];
  return parts.length === 0 ? [] : [parts.join(' in ')];
}

function coverageLines(coverage: Coverage): string[] {
  const { points, interrupted, restartEdges, restartEdgesTaken, missed } = coverage;
  if (points === 0) return ['coverage: the program has no sections'];
  const interruptions = `${interrupted} of ${points} points interrupted`;
  const restarts = `${restartEdgesTaken} of ${restartEdges} restarts taken`;
  return [`coverage: ${interruptions}, ${restarts}`, ...missed.map((line) => `  ${line}`)];
}

/** A step as it is shown, column by column. */
interface Row {
  readonly step: CounterexampleStep;
  readonly place: string;
  readonly source: string;
  readonly notes: string;
}

function listing(steps: readonly CounterexampleStep[], sourceOf: SourceOf): string[] {
  const contended = contendedWords(steps);
  const shown = shownSteps(steps, contended);
  const rows = new Map<number, Row>();
  for (const index of shown) {
    rows.set(index, toRow(steps[index] as CounterexampleStep, contended, sourceOf));
  }
  const widths = {
    place: widest([...rows.values()].map(({ place }) => place)),
    source: widest([...rows.values()].map(({ source }) => source)),
  };
  const lines = [HEAD];
  for (let index = 0; index < steps.length; ) {
    const row = rows.get(index);
    if (row !== undefined) lines.push(...rowLines(row, widths));
    const next = row === undefined ? nextShown(shown, index, steps.length) : index + 1;
    if (row === undefined) lines.push(foldedLine(steps.slice(index, next)));
    index = next;
  }
  return lines;
}

function nextShown(shown: ReadonlySet<number>, from: number, end: number): number {
  let index = from;
  while (index < end && !shown.has(index)) index++;
  return index;
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}

/** The steps at which something happens that has to do with more than their thread, and the last ones. */
function shownSteps(
  steps: readonly CounterexampleStep[],
  contended: Contended,
): ReadonlySet<number> {
  const shown = new Set<number>();
  steps.forEach((step, index) => {
    const touches = [...step.reads, ...step.writes].some((word) =>
      isContended(contended, step, word),
    );
    const isRemarkable =
      step.eventsBefore > 0 ||
      step.starts.length > 0 ||
      isTurn(step, steps[index - 1]) ||
      isTurn(step, steps[index + 1]);
    const isLast = index >= steps.length - LAST_STEPS;
    if (touches || isRemarkable || isLast) shown.add(index);
  });
  // One step takes no more room than the line that would stand for it.
  steps.forEach((_, index) => {
    if (shown.has(index + 1) && (index === 0 || shown.has(index - 1))) shown.add(index);
  });
  return shown;
}

function isTurn(one: CounterexampleStep, other: CounterexampleStep | undefined): boolean {
  return other !== undefined && (one.tid !== other.tid || one.cpu !== other.cpu);
}

/** What a thread did to a word: the number of the last step, 0 for never. */
interface Use {
  used: number;
  written: number;
}

/** Words that one thread writes and another one uses, and the step from which on both could. */
type Contended = ReadonlyMap<number, number>;

function isContended(
  contended: Contended,
  { step }: CounterexampleStep,
  { address }: WordValue,
): boolean {
  return step > (contended.get(address) ?? Number.POSITIVE_INFINITY);
}

/** What a thread does before it starts another is not in that one's way. */
function contendedWords(steps: readonly CounterexampleStep[]): Contended {
  const born = new Map<number, number>();
  const words = new Map<number, Map<number, Use>>();
  for (const { step, tid, reads, writes, starts } of steps) {
    for (const started of starts) born.set(started, step);
    for (const { address } of reads) useOf(words, address, tid).used = step;
    for (const { address } of writes) {
      const use = useOf(words, address, tid);
      use.used = step;
      use.written = step;
    }
  }
  const contended = new Map<number, number>();
  for (const [address, uses] of words) {
    const since = firstConflict(uses, (tid) => born.get(tid) ?? 0);
    if (since !== undefined) contended.set(address, since);
  }
  return contended;
}

/** The step that starts the younger of two threads that are in each other's way: the first such step. */
function firstConflict(
  uses: ReadonlyMap<number, Use>,
  birth: (tid: number) => number,
): number | undefined {
  const byAge = [...uses].sort(([one], [other]) => birth(one) - birth(other));
  const younger = byAge.find(([tid, own], index) =>
    byAge
      .slice(0, index)
      .some(
        ([, older]) => older.written > birth(tid) || (own.written > 0 && older.used > birth(tid)),
      ),
  );
  return younger && birth(younger[0]);
}

function useOf(words: Map<number, Map<number, Use>>, address: number, tid: number): Use {
  const uses = words.get(address) ?? new Map<number, Use>();
  words.set(address, uses);
  const use = uses.get(tid) ?? { used: 0, written: 0 };
  uses.set(tid, use);
  return use;
}

function toRow(step: CounterexampleStep, contended: Contended, sourceOf: SourceOf): Row {
  const { file, line, ip, events, eventsBefore } = step;
  const known = sourceOf(file)?.[line - 1]?.trim() ?? '';
  const name = short(step.function);
  const place = file === '' ? name || (ip === 0 ? 'start' : hex(ip)) : `${short(file)}:${line}`;
  return {
    step,
    place,
    source: known === '' && file !== '' ? `in ${name}` : cut(known),
    notes: [...wordNotes(step, contended), ...events.slice(eventsBefore)].join('; '),
  };
}

/** Without what says where the library is. */
function short(name: string): string {
  return name.replace(/^~lib\//, '').replace('wasm-rseq/assembly/', 'wasm-rseq/');
}

function cut(text: string): string {
  return text.length <= MOST_SOURCE ? text : `${text.slice(0, MOST_SOURCE - 3)}...`;
}

function rowLines(
  { step, place, source, notes }: Row,
  widths: { readonly place: number; readonly source: number },
): string[] {
  const numbers = [
    String(step.step).padStart(5),
    String(step.tid).padStart(6),
    String(step.cpu).padStart(3),
  ];
  const columns = [...numbers, place.padEnd(widths.place), source.padEnd(widths.source), notes];
  return [
    ...step.events.slice(0, step.eventsBefore).map((event) => `${INDENT}-- ${event}`),
    columns.join('  ').trimEnd(),
  ];
}

function foldedLine(steps: readonly CounterexampleStep[]): string {
  const names = new Set(steps.map((step) => short(step.function)).filter((name) => name !== ''));
  const first = [...names].slice(0, MOST_FUNCTIONS).join(', ');
  const rest = names.size > MOST_FUNCTIONS ? ` and ${names.size - MOST_FUNCTIONS} more` : '';
  const where = first === '' ? '' : ` in ${first}${rest}`;
  return `${INDENT}... ${count(steps.length, 'step')} of thread ${steps[0]?.tid ?? 0}${where}`;
}

/** What a step reads and writes: the words that others use too in front. */
function wordNotes(step: CounterexampleStep, contended: Contended): string[] {
  const all = [
    ...once(step.reads).map((word) => ({ word, verb: 'reads' })),
    ...once(step.writes).map((word) => ({ word, verb: 'writes' })),
  ].filter(({ word }) => !isEmptyHalf(word));
  const isFirst = ({ word }: { word: WordValue }): boolean => isContended(contended, step, word);
  const ordered = [...all.filter(isFirst), ...all.filter((each) => !isFirst(each))];
  const chosen = ordered.slice(0, MOST_WORDS);
  const notes = ['reads', 'writes'].flatMap((verb) => {
    const words = chosen.filter((each) => each.verb === verb).map(({ word }) => formatWord(word));
    return words.length === 0 ? [] : [`${verb} ${words.join(', ')}`];
  });
  const left = ordered.length - chosen.length;
  return left === 0 ? notes : [...notes, `and ${count(left, 'word')} more`];
}

/** A word that is accessed twice in a step holds the same before both, or after. */
function once(words: readonly WordValue[]): WordValue[] {
  return [...new Map(words.map((word) => [word.address, word])).values()];
}

/** The second half of a variable that needs only one. */
function isEmptyHalf({ address, value }: WordValue): boolean {
  return isGlobal(address) && address % GLOBAL_BYTES !== 0 && value === 0;
}

function formatWord({ address, value }: WordValue): string {
  const name = isGlobal(address) ? `global ${globalAt(address)}` : hex(address);
  return `${name}: ${Math.abs(value) < LARGE ? value : hex(value >>> 0)}`;
}
