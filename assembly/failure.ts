// === failure: the end of a process that has found itself broken ===================================
//
// For structures that check themselves: the message is built in static memory, since the heap may be what
// is broken.

import { Sysno } from '../src/abi/syscall';
import { syscall } from './sys';

/** UTF-16, room for 256 units. */
const MESSAGE: usize = memory.data(512);

/**
 * Kill the process by SIGABRT with the message `thing 0xVALUE rule`: what is broken, where, and what it
 * breaks. Together they have 230 characters at most. One thread at a time.
 */
export function fail(thing: string, value: usize, rule: string): void {
  let end = append(MESSAGE, thing);
  end = appendHex(append(end, ' 0x'), value);
  end = append(append(end, ' '), rule);
  syscall(Sysno.Abort, <i32>MESSAGE, <i32>(end - MESSAGE), 0, 0, 0, 0);
}

function append(end: usize, text: string): usize {
  const bytes = <usize>text.length << 1;
  memory.copy(end, changetype<usize>(text), bytes);
  return end + bytes;
}

function appendHex(end: usize, value: usize): usize {
  let shift = 0;
  while (shift < 28 && value >> (shift + 4) != 0) shift += 4;
  for (; shift >= 0; shift -= 4) {
    const digit = <u16>((value >> shift) & 15);
    store<u16>(end, digit + (digit < 10 ? 0x30 : 0x61 - 10));
    end += 2;
  }
  return end;
}
