// A bar chart a group, as SVG: bench/out/<group>.svg.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { time } from './report.js';
import { ROOT } from './programs.js';

const FOLDER = resolve(ROOT, 'bench/out');
const WIDTH = 720;
const LABEL_WIDTH = 220;
const VALUE_WIDTH = 130;
const BAR_HEIGHT = 18;
const STEP = 26;
const TITLE_HEIGHT = 40;
const FOOT_HEIGHT = 28;
const COLOURS = { first: '#2a6fb0', other: '#9aa7b4' };

/** One chart a group; returns the folder. `foot` says where the numbers are from. */
export function writeCharts(rows, units, foot) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [group, unit] of units) {
    const bars = rows.filter((row) => row.group === group && row.ns !== null);
    if (bars.length === 0) continue;
    const file = join(FOLDER, `${group.replaceAll(' ', '-')}.svg`);
    writeFileSync(file, chart(`${group}: time of a ${unit}`, bars, foot));
  }
  return FOLDER;
}

function chart(title, rows, foot) {
  const height = TITLE_HEIGHT + rows.length * STEP + FOOT_HEIGHT;
  const longest = Math.max(...rows.map(({ ns }) => ns));
  const bars = rows.map((row, index) => bar(row, TITLE_HEIGHT + index * STEP, index, longest));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
      `viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="12" y="24" font-size="15" font-weight="bold">${escape(title)}</text>`,
    ...bars,
    `<text x="12" y="${height - 10}" font-size="11" fill="#666666">${escape(foot)}</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function bar({ name, ns, ratio }, y, index, longest) {
  const width = Math.max(1, ((WIDTH - LABEL_WIDTH - VALUE_WIDTH) * ns) / longest);
  const colour = index === 0 ? COLOURS.first : COLOURS.other;
  const middle = y + BAR_HEIGHT - 4;
  const value = `${time(ns)}, x ${ratio.toFixed(2)}`;
  return [
    `<text x="${LABEL_WIDTH - 8}" y="${middle}" text-anchor="end">${escape(name)}</text>`,
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${colour}"/>`,
    `<text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${middle}">${escape(value)}</text>`,
  ].join('\n');
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
