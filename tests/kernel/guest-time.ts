// Times in guest memory, for scripts that sleep.

import {
  NANOSECONDS_PER_SECOND,
  TIMESPEC_BYTES,
  TIMESPEC_NANOSECONDS,
  TIMESPEC_SECONDS,
} from '../../src/abi/time.js';
import type { Memory } from '../../src/kernel/memory.js';
import { act, type Guest, type Step } from './scripted-machine.js';

export function timespec(seconds: bigint, nanoseconds: bigint): Uint8Array {
  const bytes = new Uint8Array(TIMESPEC_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(TIMESPEC_SECONDS, seconds, true);
  view.setBigInt64(TIMESPEC_NANOSECONDS, nanoseconds, true);
  return bytes;
}

/** Puts a struct timespec at `address`: one step. */
export function storeTimespec(address: number, seconds: bigint, nanoseconds: bigint): Step {
  return act(({ memory }) => memory.copyOut(address, timespec(seconds, nanoseconds)));
}

/** Puts a time below a second at `address`: one step. */
export function storeTime(address: number, time: number | ((guest: Guest) => number)): Step {
  return act((guest) => {
    const nanoseconds = typeof time === 'number' ? time : time(guest);
    guest.memory.copyOut(address, timespec(0n, BigInt(nanoseconds)));
  });
}

/** The struct timespec at `address`, in nanoseconds. */
export function timeAt(memory: Memory, address: number): number {
  const bytes = memory.copyIn(address, TIMESPEC_BYTES) ?? new Uint8Array(TIMESPEC_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const seconds = Number(view.getBigInt64(TIMESPEC_SECONDS, true));
  return seconds * NANOSECONDS_PER_SECOND + Number(view.getBigInt64(TIMESPEC_NANOSECONDS, true));
}
