// === console: text to standard output ============================================================

import { TCB_DIGITS } from '../src/abi/thread';
import { write } from './sys';
import { ensureThreadPointer } from './tcb';

const STDOUT: i32 = 1;

/** Write `text` as UTF-8 to standard output. Allocates, so call it where the program may allocate. */
export function print(text: string): void {
  const bytes = String.UTF8.encode(text);
  write(STDOUT, changetype<usize>(bytes), bytes.byteLength);
}

/** Write an integer and a line feed, without allocating. Not in a handler that may interrupt it. */
export function printNumber(value: i64): void {
  const digits = ensureThreadPointer() + TCB_DIGITS;
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
