// The tables.

import { cpus } from 'node:os';

const UNITS = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e4, 'us'],
  [0, 'ns'],
];
const SCALES = { s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

/** The machine that the numbers are of. */
export function machine() {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
  };
}

export function machineLine({ cpu, cpus, platform, node, v8 }) {
  return `${cpu}, ${cpus} CPUs, ${platform}, Node ${node} (V8 ${v8})`;
}

/** `units`: what a time of a group is of, by its name. */
export function rowsTable(rows, units) {
  const lines = [['group', 'name', 'ratio', 'time', 'of a', 'max/min', '']];
  for (const row of rows) {
    const unit = units.get(row.group);
    if (row.ns === null) {
      lines.push([row.group, row.name, '-', 'absent', unit, '-', row.reason]);
      continue;
    }
    const { group, name, ratio, ns, spread } = row;
    lines.push([group, name, ratio.toFixed(2), time(ns), unit, spread.toFixed(2), notesOf(row)]);
  }
  return table(lines, 'llrrlrl');
}

export function barsTable(bars) {
  const lines = [['bar', 'value', 'wanted', '', '']];
  for (const { name, value, bar, pass, reason = '' } of bars) {
    const shown = value === null ? '-' : value.toFixed(value < 100 ? 2 : 0);
    lines.push([name, shown, bar, verdict(pass), reason]);
  }
  return table(lines, 'lrrll');
}

/** What bench/check.js has measured. */
export function checkTable(rows) {
  const lines = [
    ['program', 'by', 'verdict', 'states', 'transitions', 'time', '1/s', 'ratio', 'max/min', ''],
  ];
  for (const row of rows) {
    const { name, by, states, transitions, seconds, rate, ratio, spread } = row;
    if (seconds === null) {
      lines.push([name, by, 'absent', '-', '-', '-', '-', '-', '-', row.reason]);
      continue;
    }
    const numbers = [states, transitions].map(String);
    const times = [time(seconds * 1e9), whole(rate), ratio.toFixed(2), spread.toFixed(2)];
    const bar = row.bar === undefined ? '' : `${row.bar}: ${verdict(row.pass)}`;
    lines.push([name, by, row.verdict, ...numbers, ...times, bar]);
  }
  return table(lines, 'lllrrrrrrl');
}

/** What bench/malloc.js has measured. */
export function mallocTable(rows) {
  const lines = [
    ['trace', 'allocator', 'threads', 'record', 'ratio', 'max/min', 'peak heap', 'peak live', ''],
  ];
  for (const row of rows) {
    const {
      trace,
      allocator,
      threads,
      nsPerRecord: ns,
      ratio,
      spread,
      peakHeap,
      peakLive,
      ok,
    } = row;
    const times = ns === null ? ['-', '-', '-'] : [time(ns), ratio.toFixed(2), spread.toFixed(2)];
    const peaks = [peakHeap, peakLive].map((bytes) => (bytes === null ? '-' : whole(bytes)));
    const note = row.reason ?? (threads > 1 && ok ? 'every byte checked' : '');
    lines.push([trace, allocator, String(threads), ...times, ...peaks, note]);
  }
  return table(lines, 'llrrrrrrl');
}

function verdict(pass) {
  if (pass === null) return 'not judged';
  return pass ? 'pass' : 'short';
}

export function time(ns) {
  const [, unit] = UNITS.find(([least]) => ns >= least);
  const value = ns / SCALES[unit];
  return `${value.toFixed(value < 100 ? 2 : 0)} ${unit}`;
}

function notesOf({ bytes, heapBytes, bufferBytes, guestBytes, residentBytes, spawnNs }) {
  const spawn = spawnNs === undefined ? '' : `spawn ${time(spawnNs)}`;
  if (bytes === undefined) return spawn;
  const parts = `heap ${whole(heapBytes)}, buffers ${whole(bufferBytes)}, guest ${whole(guestBytes)}`;
  return `${spawn}; ${whole(bytes)} bytes each: ${parts}; resident ${whole(residentBytes)}`;
}

function whole(value) {
  return value.toFixed(0);
}

/** sides: a letter a column, l or r. */
function table(lines, sides) {
  const widths = [...sides].map((_, at) => Math.max(...lines.map((line) => line[at].length)));
  return lines
    .map((line) =>
      line
        .map((cell, at) =>
          sides[at] === 'l' ? cell.padEnd(widths[at]) : cell.padStart(widths[at]),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
