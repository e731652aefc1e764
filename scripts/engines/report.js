// Rows of the table: what an engine came to, next to the reference.

const COLUMNS = ['engine', 'version', 'laws', 'same runs', 'section/plain', 'seconds'];

/** A row of an engine that is not there. how: one gets it. */
export function absentRow(engine, how) {
  return {
    engine,
    version: null,
    present: false,
    laws: null,
    hashesEqual: null,
    ratio: null,
    seconds: null,
    complaints: [],
    how,
  };
}

/** A row of an engine that has given no result. */
export function failedRow(engine, version, { message }) {
  return {
    ...absentRow(engine, null),
    version,
    present: true,
    hashesEqual: false,
    complaints: [message],
  };
}

/** result, reference: of the payload, here and on the engine that all are compared with. */
export function row(engine, version, seconds, result, reference) {
  const { passed, failed, failures } = result.laws;
  const differences = compare(result.programs, reference.programs);
  return {
    engine,
    version,
    present: true,
    laws: { passed, failed },
    hashesEqual: differences.length === 0,
    ratio: rounded(result.ratio),
    nsSection: rounded(result.nsSection),
    nsPlain: rounded(result.nsPlain),
    programs: result.programs.length,
    seconds: rounded(seconds),
    complaints: [...failures, ...differences],
  };
}

function compare(programs, reference) {
  const found = new Map(programs.map((program) => [program.name, program]));
  return reference.flatMap(({ name, digest, seen }) => {
    const other = found.get(name);
    if (other?.digest === digest) return [];
    return [`${name}: ${JSON.stringify(other?.seen)} instead of ${JSON.stringify(seen)}`];
  });
}

export function isGood({ present, laws, hashesEqual }) {
  return !present || (hashesEqual && laws.failed === 0);
}

export function table(rows) {
  const lines = [COLUMNS, ...rows.map(cells)];
  const widths = COLUMNS.map((_, at) => Math.max(...lines.map((line) => line[at].length)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells({ engine, version, present, laws, hashesEqual, ratio, programs, seconds, how }) {
  if (!present) return [engine, `absent; ${how}`, '', '', '', ''];
  if (laws === null) return [engine, version, 'failed', '', '', ''];
  return [
    engine,
    version,
    laws.failed === 0 ? `${laws.passed}` : `${laws.passed}, ${laws.failed} broken`,
    hashesEqual ? `all ${programs}` : 'differ',
    ratio.toFixed(2),
    seconds.toFixed(1),
  ];
}

function rounded(value) {
  return Math.round(value * 100) / 100;
}
