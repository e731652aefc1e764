// === json: parse a file from standard input to a tree, and walk that. Argument: how many times =====
//
//   node: ┌ u32 kind ┬ u32 next in its parent ┬ u32 key ┬ u32 first child, string, or bool ┬ f64 number ┐
//   string: ┌ u32 bytes ┐ UTF-8
//
// The checksum takes in every value and key in the order of the file.

import { decimal } from '../arguments';
import { read, report } from '../machine';

const NEXT: usize = 4;
const KEY: usize = 8;
const PAYLOAD: usize = 12;
const NUMBER: usize = 16;
const NODE_BYTES: usize = 24;

const NULL: u32 = 0;
const BOOL: u32 = 1;
const NUM: u32 = 2;
const STRING: u32 = 3;
const ARRAY: u32 = 4;
const OBJECT: u32 = 5;

const MAX_INPUT: i32 = 1 << 20;
const STDIN: i32 = 0;

let at: usize = 0;
/** Where the next node or string goes. */
let free: usize = 0;

function allocate(bytes: usize): usize {
  const result = free;
  free = (free + bytes + 7) & ~7;
  return result;
}

function skipSpace(): void {
  while (true) {
    const byte = load<u8>(at);
    if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return;
    at++;
  }
}

function hexDigit(byte: u32): u32 {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x61 + 10;
}

function hexWord(from: usize): u32 {
  let value: u32 = 0;
  for (let i: usize = 0; i < 4; i++) value = (value << 4) | hexDigit(load<u8>(from + i));
  return value;
}

/** Returns the address behind it. */
function writeUtf8(to: usize, code: u32): usize {
  if (code < 0x80) {
    store<u8>(to, code);
    return to + 1;
  }
  if (code < 0x800) {
    store<u8>(to, 0xc0 | (code >>> 6));
    store<u8>(to, 0x80 | (code & 63), 1);
    return to + 2;
  }
  if (code < 0x10000) {
    store<u8>(to, 0xe0 | (code >>> 12));
    store<u8>(to, 0x80 | ((code >>> 6) & 63), 1);
    store<u8>(to, 0x80 | (code & 63), 2);
    return to + 3;
  }
  store<u8>(to, 0xf0 | (code >>> 18));
  store<u8>(to, 0x80 | ((code >>> 12) & 63), 1);
  store<u8>(to, 0x80 | ((code >>> 6) & 63), 2);
  store<u8>(to, 0x80 | (code & 63), 3);
  return to + 4;
}

/** Behind the backslash. Returns the address behind what was written. */
function parseEscape(to: usize): usize {
  const byte = load<u8>(at++);
  switch (byte) {
    case 0x62:
      return writeUtf8(to, 0x08);
    case 0x66:
      return writeUtf8(to, 0x0c);
    case 0x6e:
      return writeUtf8(to, 0x0a);
    case 0x72:
      return writeUtf8(to, 0x0d);
    case 0x74:
      return writeUtf8(to, 0x09);
    case 0x75: {
      let code = hexWord(at);
      at += 4;
      if ((code & 0xfc00) == 0xd800 && load<u16>(at) == 0x755c) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (hexWord(at + 2) & 0x3ff);
        at += 6;
      }
      return writeUtf8(to, code);
    }
    default:
      return writeUtf8(to, byte);
  }
}

/** At the opening quote. */
function parseString(): usize {
  at++;
  const string = free;
  let to = string + 4;
  let byte: u32 = load<u8>(at++);
  while (byte != 0x22) {
    if (byte == 0x5c) to = parseEscape(to);
    else store<u8>(to++, byte);
    byte = load<u8>(at++);
  }
  store<u32>(string, <u32>(to - string - 4));
  allocate(to - string);
  return string;
}

function parseDigits(value: f64): f64 {
  while (<u32>load<u8>(at) - 0x30 < 10) value = value * 10 + <f64>(load<u8>(at++) - 0x30);
  return value;
}

function parseNumber(): f64 {
  const isNegative = load<u8>(at) == 0x2d;
  if (isNegative) at++;
  let value = parseDigits(0);
  let scale: i32 = 0;
  if (load<u8>(at) == 0x2e) {
    const first = ++at;
    value = parseDigits(value);
    scale = -(<i32>(at - first));
  }
  if ((load<u8>(at) | 0x20) == 0x65) {
    at++;
    const isDown = load<u8>(at) == 0x2d;
    if (isDown || load<u8>(at) == 0x2b) at++;
    const exponent = <i32>parseDigits(0);
    scale += isDown ? -exponent : exponent;
  }
  for (; scale < 0; scale++) value /= 10;
  for (; scale > 0; scale--) value *= 10;
  return isNegative ? -value : value;
}

/** The members of an object or array, at its opening bracket. Returns the first, 0 when it is empty. */
function parseMembers(close: u32, hasKeys: bool): usize {
  at++;
  skipSpace();
  let first: usize = 0;
  let last: usize = 0;
  while (load<u8>(at) != close) {
    let key: usize = 0;
    if (hasKeys) {
      key = parseString();
      skipSpace();
      at++;
    }
    const node = parseValue();
    store<u32>(node, <u32>key, KEY);
    if (last == 0) first = node;
    else store<u32>(last, <u32>node, NEXT);
    last = node;
    skipSpace();
    if (load<u8>(at) != 0x2c) break;
    at++;
    skipSpace();
  }
  at++;
  return first;
}

function parseValue(): usize {
  skipSpace();
  const node = allocate(NODE_BYTES);
  memory.fill(node, 0, NODE_BYTES);
  switch (load<u8>(at)) {
    case 0x7b:
      store<u32>(node, OBJECT);
      store<u32>(node, <u32>parseMembers(0x7d, true), PAYLOAD);
      break;
    case 0x5b:
      store<u32>(node, ARRAY);
      store<u32>(node, <u32>parseMembers(0x5d, false), PAYLOAD);
      break;
    case 0x22:
      store<u32>(node, STRING);
      store<u32>(node, <u32>parseString(), PAYLOAD);
      break;
    case 0x74:
      store<u32>(node, BOOL);
      store<u32>(node, 1, PAYLOAD);
      at += 4;
      break;
    case 0x66:
      store<u32>(node, BOOL);
      at += 5;
      break;
    case 0x6e:
      store<u32>(node, NULL);
      at += 4;
      break;
    default:
      store<u32>(node, NUM);
      store<f64>(node, parseNumber(), NUMBER);
  }
  return node;
}

function mix(sum: u32, value: u32): u32 {
  return (sum ^ value) * 16777619;
}

function mixString(sum: u32, string: usize): u32 {
  const bytes = load<u32>(string);
  for (let i: u32 = 0; i < bytes; i++) sum = mix(sum, load<u8>(string + 4 + i));
  return mix(sum, bytes);
}

function walk(node: usize, sum: u32): u32 {
  const kind = load<u32>(node);
  sum = mix(sum, kind);
  if (kind == STRING) return mixString(sum, load<u32>(node, PAYLOAD));
  if (kind == NUM) return mix(sum, <u32>(<i32>load<f64>(node, NUMBER)));
  if (kind == BOOL) return mix(sum, load<u32>(node, PAYLOAD));
  if (kind == NULL) return sum;
  for (let child: usize = load<u32>(node, PAYLOAD); child != 0; child = load<u32>(child, NEXT)) {
    if (kind == OBJECT) sum = mixString(sum, load<u32>(child, KEY));
    sum = walk(child, sum);
  }
  return mix(sum, 0xff);
}

export function main(): i32 {
  const input = heap.alloc(MAX_INPUT + 1);
  let length = 0;
  for (let n = 1; n > 0; length += n) n = read(STDIN, input + length, MAX_INPUT - length);
  store<u8>(input + length, 0);
  // A node for two bytes, "1,", is the most there can be; files that people write have far fewer.
  const arena = heap.alloc(<usize>length * (NODE_BYTES / 2));
  let sum: u32 = 0;
  for (let times = decimal(0, 1); times > 0; times--) {
    at = input;
    free = arena;
    sum = walk(parseValue(), 0);
  }
  report(sum);
  return 0;
}
