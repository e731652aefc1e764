// === console: text to standard output ============================================================

import { write } from './sys';

const STDOUT: i32 = 1;

/** Write `text` as UTF-8 to standard output. */
export function print(text: string): void {
  const bytes = String.UTF8.encode(text);
  write(STDOUT, changetype<usize>(bytes), bytes.byteLength);
}

/** Write an integer and a line feed, without allocating. */
export function printNumber(value: i64): void {
  const digits = memory.data(24);
  let at = digits + 23;
  store<u8>(at, 0x0a);
  let rest: u64 = value < 0 ? 0 - <u64>value : <u64>value;
  do {
    store<u8>(--at, 0x30 + <u8>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (value < 0) store<u8>(--at, 0x2d);
  write(STDOUT, at, <i32>(digits + 24 - at));
}
