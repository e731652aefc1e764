// === arguments: what the harness asks of a guest ==================================================

import { argument } from './machine';

const TEXT: usize = memory.data(16);

/** First letter of argument `index`, 0 when there is none. */
export function letter(index: i32): u32 {
  return argument(index, TEXT, 16) > 0 ? load<u8>(TEXT) : 0;
}

/** Argument `index` as a number. */
export function decimal(index: i32, fallback: i32): i32 {
  const length = min(argument(index, TEXT, 16), 16);
  if (length <= 0) return fallback;
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 10 + (load<u8>(TEXT + i) - 0x30);
  return value;
}
