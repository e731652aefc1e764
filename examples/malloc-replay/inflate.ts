// === inflate: what gzip has packed =================================================================
//
// RFC 1952 around RFC 1951. A code is a number of bits, at most 15; codes of one length follow each other,
// and shorter ones come before longer ones, so a decoder needs the count of each length and the symbols in
// the order of their codes.

/** No input byte makes more bytes of output. */
export const MOST_PACKED: usize = 1032;

const MAX_BITS: i32 = 15;
const MAX_LITERALS: i32 = 288;
const MAX_DISTANCES: i32 = 32;

/** Counts of lengths 0 to 15, and the symbols in order: u16 each. */
const LITERALS: usize = memory.data(2 * (16 + 288), 2);
const DISTANCES: usize = memory.data(2 * (16 + 32), 2);
/** Lengths of the codes of a block, u8 each, and where the codes of each length begin, u16. */
const LENGTHS: usize = memory.data(288 + 32);
const OFFSETS: usize = memory.data(2 * 16, 2);

/** What the checksum makes of each byte, u32. */
const REMAINDERS: usize = memory.data(4 * 256, 4);

const LENGTH_BASES = memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
  195, 227, 258,
]);
const LENGTH_BITS = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
const DISTANCE_BASES = memory.data<u16>([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073,
  4097, 6145, 8193, 12289, 16385, 24577,
]);
const DISTANCE_BITS = memory.data<u8>([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]);
/** In which order the lengths of the code for lengths are given. */
const LENGTH_ORDER = memory.data<u8>([
  16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
]);

let input: usize = 0;
let inputEnd: usize = 0;
let bits: u32 = 0;
let bitCount: i32 = 0;
let output: usize = 0;
let outputStart: usize = 0;
let outputEnd: usize = 0;

/** Does gzip data begin at `from`? */
export function isGzip(from: usize, bytes: usize): bool {
  return bytes > 18 && load<u16>(from) == 0x8b1f && load<u8>(from, 2) == 8;
}

/** Bytes of what is packed, as its end says. */
export function unpackedBytes(from: usize, bytes: usize): usize {
  return load<u32>(from + bytes - 4);
}

/** Unpack to `to`, which has room for `unpackedBytes`. Returns whether all was as it must be, the checksum too. */
export function unpack(from: usize, bytes: usize, to: usize): bool {
  input = skipHeader(from);
  inputEnd = from + bytes - 8;
  bits = 0;
  bitCount = 0;
  output = outputStart = to;
  outputEnd = to + unpackedBytes(from, bytes);
  let isLast = false;
  while (!isLast) {
    isLast = take(1) != 0;
    const kind = take(2);
    if (kind == 0 ? !copyStored() : kind == 1 ? !unpackFixed() : kind == 2 ? !unpackDynamic() : true) {
      return false;
    }
  }
  return output == outputEnd && checksum(to, outputEnd) == load<u32>(from + bytes - 8);
}

/** CRC-32 of the bytes from `at` to `end`. */
function checksum(at: usize, end: usize): u32 {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
    store<u32>(REMAINDERS + <usize>byte * 4, rest);
  }
  let sum: u32 = ~0;
  for (let here = at; here < end; here++) {
    sum = (sum >>> 8) ^ load<u32>(REMAINDERS + <usize>((sum ^ load<u8>(here)) & 0xff) * 4);
  }
  return ~sum;
}

/** Flags: 4 extra, 8 name, 16 comment, 2 checksum. */
function skipHeader(from: usize): usize {
  const flags = load<u8>(from, 3);
  let at = from + 10;
  if (flags & 4) at += 2 + <usize>load<u16>(at);
  if (flags & 8) at = skipText(at);
  if (flags & 16) at = skipText(at);
  return flags & 2 ? at + 2 : at;
}

function skipText(from: usize): usize {
  let at = from;
  while (load<u8>(at) != 0) at++;
  return at + 1;
}

/** The next `count` bits; zeros behind the end. */
function take(count: i32): i32 {
  while (bitCount < count) {
    bits |= (input < inputEnd ? <u32>load<u8>(input) : 0) << bitCount;
    input++;
    bitCount += 8;
  }
  const value = <i32>(bits & ((1 << count) - 1));
  bits >>= count;
  bitCount -= count;
  return value;
}

/** A symbol; -1: no code is like that. */
function takeSymbol(code: usize): i32 {
  let value = 0;
  let first = 0;
  let index = 0;
  for (let length: usize = 1; length <= <usize>MAX_BITS; length++) {
    value |= take(1);
    const count = <i32>load<u16>(code + length * 2);
    if (value - count < first) return load<u16>(code + 32 + <usize>(index + value - first) * 2);
    index += count;
    first = (first + count) << 1;
    value <<= 1;
  }
  return -1;
}

function makeCode(code: usize, lengths: usize, count: i32): void {
  memory.fill(code, 0, 32);
  for (let symbol: usize = 0; symbol < <usize>count; symbol++) {
    const slot = code + <usize>load<u8>(lengths + symbol) * 2;
    store<u16>(slot, load<u16>(slot) + 1);
  }
  let offset = 0;
  for (let length: usize = 1; length <= <usize>MAX_BITS; length++) {
    store<u16>(OFFSETS + length * 2, <u16>offset);
    offset += <i32>load<u16>(code + length * 2);
  }
  for (let symbol: usize = 0; symbol < <usize>count; symbol++) {
    const length = <usize>load<u8>(lengths + symbol);
    if (length == 0) continue;
    const place = load<u16>(OFFSETS + length * 2);
    store<u16>(OFFSETS + length * 2, place + 1);
    store<u16>(code + 32 + <usize>place * 2, <u16>symbol);
  }
}

function copyStored(): bool {
  bits = 0;
  bitCount = 0;
  if (input + 4 > inputEnd) return false;
  const length = <usize>load<u16>(input);
  if (length + load<u16>(input, 2) != 0xffff) return false;
  input += 4;
  if (input + length > inputEnd || output + length > outputEnd) return false;
  memory.copy(output, input, length);
  input += length;
  output += length;
  return true;
}

function unpackFixed(): bool {
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  makeCode(LITERALS, LENGTHS, MAX_LITERALS);
  memory.fill(LENGTHS, 5, 30);
  makeCode(DISTANCES, LENGTHS, 30);
  return unpackBlock();
}

function unpackDynamic(): bool {
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const given = take(4) + 4;
  if (literals > MAX_LITERALS - 2 || distances > MAX_DISTANCES - 2) return false;
  memory.fill(LENGTHS, 0, 19);
  for (let n: usize = 0; n < <usize>given; n++) {
    store<u8>(LENGTHS + load<u8>(LENGTH_ORDER + n), <u8>take(3));
  }
  makeCode(LITERALS, LENGTHS, 19);
  if (!takeLengths(literals + distances)) return false;
  // The distances first: they stand behind.
  makeCode(DISTANCES, LENGTHS + <usize>literals, distances);
  makeCode(LITERALS, LENGTHS, literals);
  return unpackBlock();
}

function takeLengths(count: i32): bool {
  let at = 0;
  while (at < count) {
    const symbol = takeSymbol(LITERALS);
    if (symbol < 0) return false;
    if (symbol < 16) {
      store<u8>(LENGTHS + <usize>at, <u8>symbol);
      at++;
      continue;
    }
    if (symbol == 16 && at == 0) return false;
    const length = symbol == 16 ? load<u8>(LENGTHS + <usize>at - 1) : 0;
    const times = symbol == 16 ? 3 + take(2) : symbol == 17 ? 3 + take(3) : 11 + take(7);
    if (at + times > count) return false;
    memory.fill(LENGTHS + <usize>at, length, <usize>times);
    at += times;
  }
  return true;
}

function unpackBlock(): bool {
  while (input < inputEnd + 8) {
    const symbol = takeSymbol(LITERALS);
    if (symbol == 256) return true;
    if (symbol < 0 || symbol > 285) return false;
    if (symbol < 256) {
      if (output == outputEnd) return false;
      store<u8>(output++, <u8>symbol);
    } else if (!copyBack(<usize>symbol - 257)) return false;
  }
  return false;
}

/** What is copied may overlap what it is copied to. */
function copyBack(index: usize): bool {
  const length = <usize>load<u16>(LENGTH_BASES + index * 2) + take(load<u8>(LENGTH_BITS + index));
  const far = takeSymbol(DISTANCES);
  if (far < 0 || far > 29) return false;
  const distance =
    <usize>load<u16>(DISTANCE_BASES + <usize>far * 2) + take(load<u8>(DISTANCE_BITS + <usize>far));
  if (distance > output - outputStart || output + length > outputEnd) return false;
  for (let n: usize = 0; n < length; n++, output++) store<u8>(output, load<u8>(output - distance));
  return true;
}
