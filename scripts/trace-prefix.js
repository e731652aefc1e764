// The first records of an allocation trace, as a trace of its own, for tests:
//
//   node scripts/trace-prefix.js TRACE RECORDS OUTPUT
//
// Objects are numbered anew in the order in which they appear; the header says what is true of the prefix. The
// format is in examples/malloc-replay/trace.ts.

import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';

const HEADER_BYTES = 16;
const RECORD_BYTES = 10;
const RECORD_SIZE = 2;
const RECORD_OBJECT = 6;

const [trace, count, output] = process.argv.slice(2);
if (output === undefined || !/^[1-9]\d*$/.test(count)) {
  console.error('usage: node scripts/trace-prefix.js TRACE RECORDS OUTPUT');
  process.exit(2);
}
writeFileSync(
  output,
  gzipSync(prefixOf(gunzipSync(readFileSync(trace)), Number(count)), { level: 9 }),
);

function prefixOf(whole, records) {
  const prefix = Buffer.from(whole.subarray(0, HEADER_BYTES + records * RECORD_BYTES));
  const numbers = new Map();
  const sizes = new Map();
  let live = 0;
  let peak = 0;
  for (let at = HEADER_BYTES; at < prefix.length; at += RECORD_BYTES) {
    const original = prefix.readUInt32LE(at + RECORD_OBJECT);
    const number = numbers.get(original) ?? numbers.size;
    numbers.set(original, number);
    prefix.writeUInt32LE(number, at + RECORD_OBJECT);
    const size = prefix.readUInt32LE(at + RECORD_SIZE);
    live += size - (sizes.get(number) ?? 0);
    sizes.set(number, size);
    peak = Math.max(peak, live);
  }
  prefix.writeUInt32LE((prefix.length - HEADER_BYTES) / RECORD_BYTES, 4);
  prefix.writeUInt32LE(numbers.size, 8);
  prefix.writeUInt32LE(peak, 12);
  return prefix;
}
