// The mutants of a source: the program with one small mistake, made where its primitives are. Statements
// change places, comparisons change their operator; everything else, comments too, stays where it was, so
// that the lines of a mutant are those of its source.
//
// Four operators: `label` drops labels or moves one by a statement, `swap` exchanges two stores that follow
// each other, `load` moves a load across a label, `compare` changes a comparison. A harness is not mutated:
// of main nothing but its sections, of other functions none that asserts and has no section.

import * as assemblyscript from 'assemblyscript';

const { NodeKind, Parser, Token } = assemblyscript;

const LABELS = ['restart', 'start', 'end'];
const LOADS = /^(load|atomic\.load|rseq\.cpuId|rseq\.percpuBase)$/;
const STORES = /^(store|atomic\.(?!load|fence|wait)\w+|futexWake)$/;

/** What a comparison becomes. */
const COMPARISONS = new Map([
  [Token.Equals_Equals, ['!=']],
  [Token.Exclamation_Equals, ['==']],
  [Token.LessThan, ['<=', '>=']],
  [Token.LessThan_Equals, ['<', '>']],
  [Token.GreaterThan, ['>=', '<=']],
  [Token.GreaterThan_Equals, ['>', '<']],
]);

const ONE_LOAD = 'stopped behind its only load, the thread stands at start(), and loads again';
const NO_ACCESS = 'it touches no memory: there is no point in it, and every try does it';

/** Characters of a statement that a name quotes. */
const QUOTED = 60;

/**
 * Every mutant of `text`, none twice. `name` tells it from the others and stays the same when lines are
 * added elsewhere; `line` is where it differs; `excuse` says why no schedule may be able to tell.
 */
export function mutantsOf(text) {
  const mutants = new Map();
  const names = new Map();
  for (const { operator, name, at, mutated, excuse } of new Mutator(text).mutants()) {
    if (mutated === text || mutants.has(mutated)) continue;
    const count = (names.get(name) ?? 0) + 1;
    names.set(name, count);
    const line = text.slice(0, at).split('\n').length;
    mutants.set(mutated, {
      operator,
      name: count === 1 ? name : `${name} #${count}`,
      line,
      text: mutated,
      excuse,
    });
  }
  return [...mutants.values()];
}

class Mutator {
  #text;

  constructor(text) {
    this.#text = text;
  }

  *mutants() {
    const parser = new Parser([]);
    parser.parseFile(this.#text, 'program.ts', true);
    for (const statement of parser.sources[0].statements) {
      if (statement.kind !== NodeKind.FunctionDeclaration || !statement.body) continue;
      yield* this.#ofFunction(statement);
    }
  }

  *#ofFunction({ name: { text: name }, body }) {
    const lists = [...nodes(body)]
      .filter(({ kind }) => kind === NodeKind.Block)
      .map(({ statements }) => statements.map((node) => this.#statement(node)));
    const labels = lists.flat().filter(({ label }) => label !== undefined);
    const isAsserting = [...nodes(body)].some(isAssert);
    if (isAsserting && labels.length === 0) return;
    const isHarness = name === 'main';
    const within = isHarness ? spans(labels) : [body.range];
    const isOpen = (range) =>
      within.some(({ start, end }) => start <= range.start && range.end <= end);

    const mutants = [
      ...this.#droppedLabels(labels),
      ...lists.flatMap((list) => [...this.#movedLabels(list)]),
      ...lists.flatMap((list) => [...this.#swappedStores(list, isOpen)]),
      ...lists.flatMap((list) => [...this.#movedLoads(list, isOpen)]),
      ...this.#comparisons(body, isOpen),
    ];
    for (const mutant of mutants) yield { ...mutant, name: `${name}: ${mutant.name}` };
  }

  /** A statement, its semicolon, and what of it matters here. */
  #statement(node) {
    const { start } = node.range;
    const end = this.#text[node.range.end] === ';' ? node.range.end + 1 : node.range.end;
    const calls = [...nodes(node, isList)].map(calleeOf).filter((callee) => callee !== undefined);
    const label = LABELS.find((each) => calls.includes(`rseq.${each}`));
    const isSimple = node.kind === NodeKind.Expression || node.kind === NodeKind.Variable;
    const isStore = node.kind === NodeKind.Expression && STORES.test(calleeOf(node.expression));
    return {
      start,
      end,
      text: this.#text.slice(start, end),
      label,
      labelCall: [...nodes(node, isList)].find((each) => calleeOf(each) === `rseq.${label}`),
      isAlone: node.kind === NodeKind.Expression && calleeOf(node.expression) === `rseq.${label}`,
      isStore,
      isLocal: isSimple && calls.length === 0,
      isOneLoad: isSimple && calls.length === 1 && LOADS.test(calls[0]),
      isLoad: isSimple && !isStore && calls.some((callee) => LOADS.test(callee)),
    };
  }

  /** One label is gone, which no compiler accepts; all of a section are. */
  *#droppedLabels(labels) {
    for (const label of labels) yield this.#dropped([label], `no ${label.label}()`);
    for (const section of sections(labels)) {
      if (section.length === LABELS.length) yield this.#dropped(section, 'no labels');
    }
  }

  #dropped(labels, name) {
    const edits = labels.map(({ start, end, isAlone, labelCall }) => {
      return isAlone ? { start, end, text: '' } : { ...rangeOf(labelCall), text: '0' };
    });
    return { operator: 'label', name, at: labels[0].start, mutated: edit(this.#text, edits) };
  }

  *#movedLabels(list) {
    for (const [index, { label, start }] of list.entries()) {
      if (label === undefined) continue;
      for (const other of [index - 1, index + 1]) {
        if (list[other] === undefined) continue;
        const where = other < index ? 'before' : 'behind';
        const name = `${label}() ${where} ${quoted(list[other])}`;
        const mutated = this.#moved(list, index, other);
        yield { operator: 'label', name, at: start, mutated, excuse: excuse(list, index, other) };
      }
    }
  }

  /** Labels may stand between the two. */
  *#swappedStores(list, isOpen) {
    for (const [index, one] of list.entries()) {
      let next = index + 1;
      while (list[next] !== undefined && list[next].label !== undefined) next++;
      const other = list[next];
      if (!one.isStore || other?.isStore !== true || !(isOpen(one) || isOpen(other))) continue;
      const edits = [
        { start: one.start, end: one.end, text: other.text },
        { start: other.start, end: other.end, text: one.text },
      ];
      const name = `${quoted(other)} before ${quoted(one)}`;
      yield { operator: 'swap', name, at: one.start, mutated: edit(this.#text, edits) };
    }
  }

  /** To the other side of each label of its block. */
  *#movedLoads(list, isOpen) {
    for (const [index, load] of list.entries()) {
      if (!load.isLoad || load.label !== undefined || !isOpen(load)) continue;
      for (const [at, { label }] of list.entries()) {
        if (label === undefined) continue;
        const name = `${quoted(load)} ${at < index ? 'before' : 'behind'} ${label}()`;
        yield { operator: 'load', name, at: load.start, mutated: this.#moved(list, index, at) };
      }
    }
  }

  *#comparisons(body, isOpen) {
    for (const node of nodes(body, isAssert)) {
      if (node.kind !== NodeKind.Binary || !isOpen(node.range)) continue;
      const { left, right, range } = node;
      for (const operator of COMPARISONS.get(node.operator) ?? []) {
        const text = `${this.#slice(left)} ${operator} ${this.#slice(right)}`;
        yield this.#compared(range, text);
      }
      if (COMPARISONS.has(node.operator) && /^\d+$/.test(this.#slice(right))) {
        const operator = this.#text.slice(left.range.end, right.range.start).trim();
        const text = `${this.#slice(left)} ${operator} ${Number(this.#slice(right)) + 1}`;
        yield this.#compared(range, text);
      }
    }
  }

  #compared({ start, end }, text) {
    const name = `${this.#text.slice(start, end)} to ${text}`;
    const mutated = edit(this.#text, [{ start, end, text }]);
    return { operator: 'compare', name, at: start, mutated };
  }

  #slice({ range: { start, end } }) {
    return this.#text.slice(start, end);
  }

  /** The statement at `from` stands at `to`; those between take its place, one after another. */
  #moved(list, from, to) {
    const order = list.map(({ text }) => text);
    order.splice(to, 0, ...order.splice(from, 1));
    const edits = list.map(({ start, end }, index) => ({ start, end, text: order[index] }));
    return edit(
      this.#text,
      edits.filter(({ text }, index) => text !== list[index].text),
    );
  }
}

/** Why it may make no difference that the label at `from` stands on the other side of the statement at `to`. */
function excuse(list, from, to) {
  const { label } = list[from];
  if (label === 'restart') return undefined;
  if (list[to].isLocal) return NO_ACCESS;
  // Every try begins at restart(), and between that and start() nothing happens but to locals.
  const before = list.slice(0, from).findLast(({ isLocal }) => !isLocal);
  const isFirst = label === 'start' && from < to && before?.label === 'restart' && before.isAlone;
  return isFirst && list[to].isOneLoad ? ONE_LOAD : undefined;
}

/** The node and all below it, but for what `isLeftOut` leaves out below the first. */
function* nodes(node, isLeftOut = () => false) {
  yield node;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'range' || key === 'decorators') continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child) && !isLeftOut(child)) yield* nodes(child, isLeftOut);
    }
  }
}

function isNode(value) {
  return typeof value === 'object' && value !== null && 'kind' in value && 'range' in value;
}

/** Statements of its own, whose labels are not those of the statement around them. */
function isList({ kind }) {
  return kind === NodeKind.Block;
}

function isAssert(node) {
  return calleeOf(node) === 'assert';
}

/** `load` for load<i32>(...), `rseq.end` for rseq.end(). */
function calleeOf({ kind, expression }) {
  if (kind !== NodeKind.Call) return undefined;
  if (expression.kind === NodeKind.Identifier) return expression.text;
  if (expression.kind !== NodeKind.PropertyAccess) return undefined;
  return `${expression.expression.text}.${expression.property.text}`;
}

/** Labels in the order of the text: each restart() begins a section. */
function sections(labels) {
  const found = [];
  for (const label of [...labels].sort((one, other) => one.start - other.start)) {
    if (label.label === 'restart' || found.length === 0) found.push([]);
    found.at(-1).push(label);
  }
  return found;
}

/** The text from restart() to end(). */
function spans(labels) {
  return sections(labels).map((section) => ({
    start: section[0].start,
    end: section.at(-1).end,
  }));
}

function rangeOf({ range: { start, end } }) {
  return { start, end };
}

function quoted({ text }) {
  const line = text.replace(/\s+/g, ' ').replace(/;$/, '');
  return `\`${line.length > QUOTED ? `${line.slice(0, QUOTED - 3)}...` : line}\``;
}

/** The text with each range replaced; they do not overlap. */
function edit(text, edits) {
  let result = '';
  let at = 0;
  for (const { start, end, text: replacement } of edits.sort((a, b) => a.start - b.start)) {
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at);
}
